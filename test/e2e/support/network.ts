import { connect } from "node:net";
import { connect as secure } from "node:tls";

/**
 * Whether the other side speaks TLS. The Talos API and the Kubernetes API do, whoever asks; a load balancer without a member that lives does not.
 *
 * @param from Source address of the connection, in 127.0.0.0/8.
 * @returns false when the connection is refused, or ends or stays silent for 3 seconds before the handshake is done.
 */
export function speaks(address: string, port: number, from: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, localAddress: from, timeout: 3000 });
    // Only the handshake counts: who may do what is judged by other tests.
    const secured = secure({ socket, rejectUnauthorized: false });
    const end = (done: boolean) => {
      secured.destroy();
      socket.destroy();
      resolve(done);
    };
    secured.on("secureConnect", () => end(true));
    for (const stream of [socket, secured]) {
      stream.on("error", () => end(false));
      stream.on("close", () => end(false));
      stream.on("timeout", () => end(false));
    }
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
