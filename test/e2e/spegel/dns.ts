import { createSocket } from "node:dgram";
import type { Socket } from "node:dgram";

/** What a DNS server answers to everything. */
export type Answer = "address" | "nothing" | "NXDOMAIN";

/** A DNS server on 127.0.0.1 that answers every question in one way. */
export class DnsServer {
  private constructor(
    private readonly socket: Socket,
    public answer: Answer,
  ) {}

  static start(answer: Answer): Promise<DnsServer> {
    const socket = createSocket("udp4");
    const server = new DnsServer(socket, answer);
    socket.on("message", (question, client) => {
      const reply = server.reply(question);
      if (reply !== undefined) socket.send(reply, client.port, client.address);
    });
    return new Promise((resolve) => socket.bind(0, "127.0.0.1", () => resolve(server)));
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  stop(): void {
    this.socket.close();
  }

  // RFC 1035: header, the question as it came, and an A record that points at its name.
  private reply(question: Buffer): Buffer | undefined {
    if (this.answer === "nothing") return undefined;
    const found = this.answer === "address";
    const end = question.indexOf(0, 12) + 5;
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(found ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(found ? 1 : 0, 6);
    header.writeUInt32BE(0, 8);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 244, 0, 9]);
    return Buffer.concat([header, question.subarray(12, end), ...(found ? [record] : [])]);
  }
}
