/** The parts of a syntax tree's nodes that our plugins need. */
export type Node = {
  type: string;
  value?: string;
  lang?: string | null;
  url?: string;
  alt?: string | null;
  identifier?: string;
  label?: string | null;
  children?: Node[];
  data?: { hName?: string; hProperties?: Record<string, unknown>; hChildren?: unknown[] };
  position?: { start: { offset?: number } };
};

/** Replaces nodes from the leaves up: `change` returns a node's replacement. */
export function rewrite(node: Node, change: (node: Node, within: readonly string[]) => Node[], within: readonly string[] = []) {
  const inner = [...within, node.type];
  for (const child of node.children ?? []) rewrite(child, change, inner);
  if (node.children) node.children = node.children.flatMap((child) => change(child, inner));
}
