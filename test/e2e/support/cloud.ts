import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { root } from "./stack";

/** Objects of all projects that a destroyed stack must not leave behind, by kind. */
export type Left = Record<string, { readonly id: string; readonly name?: string }[]>;

/** A write that an API or the factory logged. */
export interface Write {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Name of the project; missing for the factory. */
  readonly project?: string | null;
}

/** Runs the sandbox's front command. */
export function sandbox(...args: string[]): string {
  return execFileSync(join(root, "sandbox/sandbox"), args, { encoding: "utf8" });
}

/** What is left in the cloud, over all projects, without what the operator made. */
export function left(): Left {
  return JSON.parse(sandbox("left")) as Left;
}

/** Objects of `after` that were not there before, by kind; kinds without one are left out. */
export function added(before: Left, after: Left): Left {
  const known = new Set(Object.values(before).flatMap((list) => list.map(({ id }) => id)));
  return Object.fromEntries(
    Object.entries(after)
      .map(([kind, list]) => [kind, list.filter(({ id }) => !known.has(id))] as const)
      .filter(([, list]) => list.length > 0),
  );
}

/** Writes that OpenStack and the factory logged since a moment, in seconds since the epoch. */
export function writesSince(seconds: number): Write[] {
  return sandbox("writes", "--since", String(seconds))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Write);
}

interface Token {
  readonly id: string;
  readonly endpoints: ReadonlyMap<string, string>;
}

/** OpenStack's APIs as one project sees them. */
export class Cloud {
  private token?: Promise<Token>;

  /** @param project Default: the user's own. */
  constructor(
    private readonly user: "demo" | "admin" = "demo",
    private readonly project: string = user,
  ) {}

  /** GET of a service's path; the body as JSON. */
  async get<T>(service: string, path: string): Promise<T> {
    return this.request<T>("GET", service, path);
  }

  async request<T>(method: string, service: string, path: string, body?: unknown): Promise<T> {
    this.token ??= this.authenticate();
    const { id, endpoints } = await this.token;
    const response = await fetch(`${endpoints.get(service) ?? ""}${path}`, {
      method,
      headers: {
        "X-Auth-Token": id,
        "Content-Type": "application/json",
        ...(service === "compute" ? { "OpenStack-API-Version": "compute 2.93" } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${text}`);
    }
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  /** Names of a server's instance actions (`create`, `rebuild`, `resize` …), oldest first. */
  async actions(serverId: string): Promise<string[]> {
    const { instanceActions } = await this.get<{ instanceActions: { action: string }[] }>(
      "compute",
      `/servers/${serverId}/os-instance-actions`,
    );
    return instanceActions.map(({ action }) => action).reverse();
  }

  /** Servers of a cluster by name. */
  async servers(cluster: string): Promise<Map<string, Server>> {
    const { servers } = await this.get<{ servers: Server[] }>("compute", "/servers/detail");
    return new Map(
      servers
        .filter(({ name }) => name.startsWith(`${cluster}-`))
        .map((server) => [server.name, server]),
    );
  }

  /** Servers of all projects by name; for the operator. */
  async allServers(): Promise<Map<string, Server>> {
    const { servers } = await this.get<{ servers: Server[] }>(
      "compute",
      "/servers/detail?all_tenants=1",
    );
    return new Map(servers.map((server) => [server.name, server]));
  }

  private async authenticate(): Promise<Token> {
    const domain = { id: "default" };
    const response = await fetch("http://127.0.0.1:5000/v3/auth/tokens", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({
        auth: {
          identity: {
            methods: ["password"],
            password: { user: { name: this.user, password: this.user, domain } },
          },
          scope: { project: { name: this.project, domain } },
        },
      }),
    });
    const { token } = (await response.json()) as {
      token: { catalog: { type: string; endpoints: { interface: string; url: string }[] }[] };
    };
    const endpoints = token.catalog.map(({ type, endpoints: urls }): [string, string] => [
      type,
      urls.find((endpoint) => endpoint.interface === "public")?.url ?? "",
    ]);
    return {
      id: response.headers.get("X-Subject-Token") ?? "",
      endpoints: new Map(endpoints),
    };
  }
}

/** A server as Nova shows it. */
export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly metadata: Record<string, string>;
  readonly flavor: { readonly original_name: string };
  readonly addresses: unknown;
  readonly "OS-EXT-AZ:availability_zone"?: string;
  readonly "os-extended-volumes:volumes_attached"?: readonly { readonly id: string }[];
  /** Base64; shown to the operator only. */
  readonly "OS-EXT-SRV-ATTR:user_data"?: string;
}
