"use client";

/** The page that is shown after a failure. */
export default function Failed() {
  return (
    <main className="flex h-dvh flex-col items-center justify-center gap-3 p-8 text-center">
      <h1 className="text-2xl font-semibold">This page has failed</h1>
      <p className="text-muted-fg">Nothing that was sent is lost: answers go on, and are there after a reload.</p>
      <button type="button" onClick={() => location.reload()} className="cursor-pointer rounded-lg px-3 py-2 text-accent hover:underline">
        Reload
      </button>
    </main>
  );
}
