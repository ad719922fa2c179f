import { Shell } from "@/components/shell/shell";
import { CustomRuntimeProvider } from "@/runtime";

/** The runtime lives here and not in the layout: the admin page must not load it, and an answer is picked up again anyway. */
export default function Page() {
  return (
    <CustomRuntimeProvider>
      <Shell />
    </CustomRuntimeProvider>
  );
}
