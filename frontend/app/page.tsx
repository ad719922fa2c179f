import { ChatPage } from "@/components/shell/chat-page";

export default function Page() {
  return <ChatPage />;
}
