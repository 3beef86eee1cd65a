import { connect } from "node:net";

/**
 * What the other side sends first.
 *
 * @param from Source address of the connection, in 127.0.0.0/8.
 * @returns undefined when the connection is refused or closed without a word within 3 seconds.
 */
export function greeting(address: string, port: number, from: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: from, timeout: 3000 });
    const end = (text?: string) => {
      socket.destroy();
      resolve(text);
    };
    socket.on("data", (data: Buffer) => end(data.toString()));
    socket.on("error", () => end());
    socket.on("close", () => end());
    socket.on("timeout", () => end());
  });
}

/** Asks until the answer is what is wanted, for at most some seconds; the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  seconds = 15,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || Date.now() > end) {
      return answer;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
