import { memory, NONE } from "./format";
import { Bar } from "./parts";
import type { Gpu } from "./types";

/** A GPU's memory and load as bars; values that the worker cannot read are left out. */
export const GpuRow = ({ gpu }: { gpu: Gpu }) => (
  <div className="mt-2.5 border-t border-line pt-2 text-xs">
    <p className="flex gap-3">
      <span className="min-w-0 truncate font-medium" title={gpu.name}>
        {gpu.name}
      </span>
      <span className="ml-auto whitespace-nowrap text-muted-fg tabular-nums">{warmth(gpu)}</span>
    </p>
    <div className="mt-1 grid grid-cols-[4rem_1fr_6.5rem] items-center gap-x-3 gap-y-1">
      <Gauge title="memory" value={gpu.memory_used_mb} max={gpu.memory_total_mb} text={memory(gpu.memory_used_mb, gpu.memory_total_mb)} />
      <Gauge title="load" value={gpu.utilization_percent} max={100} text={percent(gpu.utilization_percent)} />
    </div>
  </div>
);

function Gauge({ title, value, max, text }: { title: string; value: number | null; max: number | null; text: string }) {
  if (value === null) return null;
  return (
    <>
      <span className="text-muted-fg">{title}</span>
      {max === null ? <span /> : <Bar value={value} max={max} />}
      <span className="text-right tabular-nums">{text}</span>
    </>
  );
}

const percent = (value: number | null) => (value === null ? NONE : `${Math.round(value)} %`);

const warmth = ({ temperature_c, power_w }: Gpu) =>
  [temperature_c !== null && `${Math.round(temperature_c)} °C`, power_w !== null && `${Math.round(power_w)} W`].filter(Boolean).join(" · ");
