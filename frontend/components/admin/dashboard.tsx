"use client";
import { Chart } from "./chart";
import { CHARTS } from "./charts";
import { Figures } from "./figures";
import { Header } from "./header";
import { JobsPanel } from "./jobs";
import { Panel } from "./parts";
import { QueuePanel } from "./queue";
import { FeedProvider, useFeed } from "./use-feed";
import { WorkersPanel } from "./workers";

/** The pool at a glance, then in detail. Each part listens to its own piece of the stream. */
export const Dashboard = () => (
  <FeedProvider>
    <div className="h-dvh overflow-y-auto">
      <Header />
      <main className="mx-auto grid max-w-7xl gap-8 px-3 py-5 sm:px-6">
        <Figures />
        <Panel title="The last 15 minutes">
          <div className="grid gap-3 md:grid-cols-2 xl:grid-cols-4">
            {CHARTS.map((spec) => (
              <Chart key={spec.id} spec={spec} />
            ))}
          </div>
        </Panel>
        <div className="grid gap-8 lg:grid-cols-[minmax(0,1fr)_minmax(0,2fr)]">
          <QueuePanel />
          <WorkersPanel />
        </div>
        <Jobs />
      </main>
    </div>
  </FeedProvider>
);

/** The jobs, once the parts above have their size or will not get one, so that no text moves away from a reader. */
function Jobs() {
  const settled = useFeed(({ queue, connection }) => queue !== null || connection !== "connecting");
  return settled && <JobsPanel />;
}
