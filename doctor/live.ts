import { execFile } from "node:child_process";

import { mapLimit } from "async";

import { CannotLook } from "./saved";
import { outputKinds, outputNames } from "./outputs";
import type { NodeOutputs, Output, OutputName } from "./outputs";
import { nodeArguments } from "./talosctl";
import type { TalosctlOptions } from "./talosctl";

/** How nodes are asked. */
export interface LiveOptions extends TalosctlOptions {
  readonly nodes: readonly string[];
  /** Milliseconds that a node has for each answer. */
  readonly timeout: number;
  /** Nodes that are asked at the same time. */
  readonly parallel: number;
  /** Called whenever a node has been asked everything. */
  readonly progress?: (done: number, total: number) => void;
}

/** Longest answer, in bytes. */
const longestAnswer = 256 * 1024 * 1024;

/**
 * Asks nodes by talosctl and calls `use` with the outputs of each as soon as they are there. The
 * first question goes to every node before all others: one that does not answer it in time is not
 * asked anything else, so silent nodes cost one time-out, whatever their number.
 *
 * @throws CannotLook when there is no talosctl.
 */
export async function eachLiveNode(
  options: LiveOptions,
  use: (node: NodeOutputs) => void,
): Promise<void> {
  const { nodes, parallel, progress } = options;
  const [first, ...others] = outputNames;
  if (first === undefined) return;
  let done = 0;
  progress?.(done, nodes.length);
  await mapLimit([...nodes], parallel, async (node: string) => {
    const takenAt = new Date();
    const answer = await ask(node, first, options);
    const outputs: Partial<Record<OutputName, Output>> = { [first]: answer.output };
    if (!answer.silent) {
      // At once, and not one by one: a command that hangs is to cost one time-out, too.
      const answers = await Promise.all(others.map((name) => ask(node, name, options)));
      others.forEach((name, index) => (outputs[name] = answers[index]?.output));
    }
    const silent = answer.silent && "failed" in answer.output ? answer.output.failed : undefined;
    use({
      subject: node,
      address: node,
      takenAt,
      outputs,
      ...(silent === undefined ? {} : { silent }),
    });
    done += 1;
    progress?.(done, nodes.length);
  });
}

interface Answer {
  readonly output: Output;
  /** The node cannot be reached, so that no other question is worth its time. */
  readonly silent: boolean;
}

function ask(node: string, name: OutputName, options: LiveOptions): Promise<Answer> {
  const program = options.talosctl ?? "talosctl";
  const args = [...outputKinds[name].args, ...nodeArguments(node, options)];
  const { timeout } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      args,
      { encoding: "utf8", maxBuffer: longestAnswer },
      (error, stdout, stderr) => {
        clearTimeout(timer);
        if (error === null) {
          resolve({ output: { text: stdout }, silent: false });
        } else if (error.code === "ENOENT" || error.code === "EACCES") {
          reject(
            new CannotLook(
              `${program}: found no such program; required talosctl of the cluster's minor in PATH, or --talosctl FILE. Install it.`,
            ),
          );
        } else {
          resolve(failure(stderr, late, timeout));
        }
      },
    );
    let late = false;
    // Not the option `timeout`: a program that ignores SIGTERM, or left a child behind that keeps
    // the pipe open, would keep us waiting.
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
    }, timeout);
  });
}

// What talosctl says may quote its configuration, which holds a key: only its kind is told.
const reasons: readonly (readonly [RegExp, string, boolean])[] = [
  [/code = PermissionDenied|not authorized/, "permission denied for this talosconfig", false],
  [/code = NotFound|not registered/, "this Talos does not have it", false],
  [/code = Unimplemented/, "this Talos does not have it", false],
  [/code = DeadlineExceeded|i\/o timeout|context deadline/, "no answer in time", true],
  [
    /x509|tls:|certificate/,
    "TLS failed: this talosconfig is not of this cluster, or has expired",
    true,
  ],
  [/connection refused/, "connection refused", true],
  [/code = Unavailable|no route to host|connection error/, "cannot be reached", true],
  [/no such host|produced zero addresses/, "its name cannot be resolved", true],
  [/failed to open config file|talosconfig|no context/i, "the talosconfig cannot be used", true],
];

function failure(stderr: string, late: boolean, timeout: number): Answer {
  if (late) return { output: { failed: `no answer in ${timeout / 1000} s` }, silent: true };
  const found = reasons.find(([pattern]) => pattern.test(stderr));
  return found === undefined
    ? { output: { failed: "talosctl failed; run it by hand to see why" }, silent: false }
    : { output: { failed: found[1] }, silent: found[2] };
}
