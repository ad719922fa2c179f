"use client";
import { Ago } from "./age";
import { NONE, words } from "./format";
import { matches } from "./job-parts";
import { pageQuery, Pager, usePages } from "./paging";
import { Badge, Empty } from "./parts";
import { Cell, FROM_MD, FROM_SM, IdCell, Row, Table, type Column } from "./table";
import type { DeadLetter, DeadPage, Job } from "./types";
import { useListing } from "./use-listing";

const EVERY_MS = 5000;

const COLUMNS: Column[] = [
  { title: "Job", className: "w-25 sm:w-34" },
  { title: "Reason" },
  { title: "Tenant", className: FROM_SM },
  { title: "Model", className: FROM_MD },
  { title: "Tries", className: "w-16 text-right max-md:hidden" },
  { title: "Died", className: "w-24 text-right" },
];

type DeadListProps = { filter: string; onOpen: (job: Job) => void };

/** Jobs that ran out of tries, and entries that could not be read: each with its reason, kept for a week. */
export function DeadList({ filter, onOpen }: DeadListProps) {
  const pages = usePages();
  const listing = useListing<DeadPage>(`/api/admin/dead?${pageQuery({}, pages.cursor)}`, EVERY_MS);
  const letters = listing.data?.dead.filter((letter) => shows(letter, filter)) ?? [];
  return (
    <>
      {letters.length > 0 ? (
        <Table label="Dead letters" columns={COLUMNS}>
          {letters.map((letter) => (
            <DeadRow key={letter.entry} letter={letter} onOpen={onOpen} />
          ))}
        </Table>
      ) : (
        <Empty>{nothing(listing.data, filter)}</Empty>
      )}
      <Pager pages={pages} next={listing.data?.next_cursor ?? null} listing={listing} />
    </>
  );
}

function nothing(data: DeadPage | null, filter: string): string {
  if (!data) return "Asking for the dead letters.";
  return data.dead.length > 0 ? `No dead letter on this page matches “${filter}”.` : "No dead letters. That is how it should be.";
}

/** Does any of what the row shows contain the text? */
function shows({ id, why, job }: DeadLetter, filter: string): boolean {
  const text = filter.trim().toLowerCase();
  return `${id} ${why} ${words(why)}`.toLowerCase().includes(text) || (job !== null && matches(job, filter));
}

const DeadRow = ({ letter: { id, why, at, job }, onOpen }: { letter: DeadLetter; onOpen: (job: Job) => void }) => (
  <Row>
    <IdCell id={id} onOpen={job ? () => onOpen(job) : undefined} />
    <Cell title={words(why)}>
      <Badge tone="danger">{why}</Badge>
    </Cell>
    <Cell className={FROM_SM}>{job?.tenant ?? NONE}</Cell>
    <Cell className={FROM_MD}>{job?.model ?? NONE}</Cell>
    <Cell className="text-right tabular-nums max-md:hidden">{job?.tries ?? NONE}</Cell>
    <Cell className="text-right text-muted-fg">
      <Ago at={at} />
    </Cell>
  </Row>
);
