export default function NotFound() {
  return (
    <main className="flex h-dvh flex-col items-center justify-center gap-3 p-8 text-center">
      <h1 className="text-2xl font-semibold">Nothing is here</h1>
      <p className="text-muted-fg">The address may be mistyped, or what was here is gone.</p>
      <a href="/" className="rounded-lg px-3 py-2 text-accent hover:underline">
        Back to the chat
      </a>
    </main>
  );
}
