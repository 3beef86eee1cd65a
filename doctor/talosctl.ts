/** How talosctl reaches the nodes; also what the commands in a report begin with. */
export interface TalosctlOptions {
  /** Program. Default: `talosctl` of the PATH. */
  readonly talosctl?: string;
  readonly talosconfig?: string;
  readonly context?: string;
  readonly endpoints?: readonly string[];
}

/** Arguments before the command, for one node. */
export function nodeArguments(node: string, options: TalosctlOptions): string[] {
  return [
    ...(options.talosconfig === undefined ? [] : ["--talosconfig", options.talosconfig]),
    ...(options.context === undefined ? [] : ["--context", options.context]),
    ...(options.endpoints === undefined ? [] : ["--endpoints", options.endpoints.join(",")]),
    "--nodes",
    node,
  ];
}

/** A command for a shell, each argument quoted where it needs to be. */
export function shellCommand(program: string, args: readonly string[]): string {
  return [program, ...args].map(quoted).join(" ");
}

function quoted(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", "'\\''")}'`;
}
