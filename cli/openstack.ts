// A client of a few dozen lines: no maintained npm package speaks to OpenStack's APIs.
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

import { parse } from "yaml";

import type { Json, Service } from "../lib/openstack/interrupted";
import { inner, text } from "../lib/openstack/interrupted";

/** What OpenStack answered other than success. */
export class OpenStackError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = "OpenStackError";
  }
}

interface Access {
  readonly token: string;
  readonly endpoints: ReadonlyMap<Service, string>;
}

/** OpenStack's APIs as the project of the given credentials sees them. */
export class OpenStack {
  private constructor(private readonly access: Access) {}

  /** Signs in with a cloud of clouds.yaml (`OS_CLOUD`) or with `OS_*` variables. */
  static async connect(environment: NodeJS.ProcessEnv = process.env): Promise<OpenStack> {
    return new OpenStack(await signIn(readSettings(environment)));
  }

  async get(service: Service, resource: string): Promise<Json> {
    return (await this.request("GET", service, resource)) ?? {};
  }

  /** As {@link get}; undefined when there is no such object. */
  async find(service: Service, resource: string): Promise<Json | undefined> {
    try {
      return await this.get(service, resource);
    } catch (error) {
      if (error instanceof OpenStackError && error.status === 404) {
        return undefined;
      }
      throw error;
    }
  }

  /** Deletes an object; one that is gone already is no error. */
  async remove(service: Service, resource: string): Promise<void> {
    try {
      await this.request("DELETE", service, resource);
    } catch (error) {
      if (!(error instanceof OpenStackError && error.status === 404)) {
        throw error;
      }
    }
  }

  private async request(
    method: string,
    service: Service,
    resource: string,
  ): Promise<Json | undefined> {
    const endpoint = this.access.endpoints.get(service);
    if (endpoint === undefined) {
      throw new Error(
        `service catalogue: found no ${service} endpoint in this region and interface; required ` +
          "one. Check OS_REGION_NAME and OS_INTERFACE.",
      );
    }
    const headers = { "X-Auth-Token": this.access.token, Accept: "application/json" };
    const url = `${endpoint}${resource}`;
    const response = await fetch(url, { method, headers });
    const body = await response.text();
    if (!response.ok) {
      throw new OpenStackError(`${method} ${url}: ${response.status} ${body}`, response.status);
    }
    return body === "" ? undefined : (JSON.parse(body) as Json);
  }
}

interface Settings {
  readonly auth: Json;
  readonly region: string;
  readonly interface: string;
}

const variables = {
  auth_url: "OS_AUTH_URL",
  username: "OS_USERNAME",
  user_id: "OS_USER_ID",
  password: "OS_PASSWORD",
  project_name: "OS_PROJECT_NAME",
  project_id: "OS_PROJECT_ID",
  user_domain_name: "OS_USER_DOMAIN_NAME",
  user_domain_id: "OS_USER_DOMAIN_ID",
  project_domain_name: "OS_PROJECT_DOMAIN_NAME",
  project_domain_id: "OS_PROJECT_DOMAIN_ID",
  domain_name: "OS_DOMAIN_NAME",
  domain_id: "OS_DOMAIN_ID",
  application_credential_id: "OS_APPLICATION_CREDENTIAL_ID",
  application_credential_name: "OS_APPLICATION_CREDENTIAL_NAME",
  application_credential_secret: "OS_APPLICATION_CREDENTIAL_SECRET",
  token: "OS_TOKEN",
};

function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const fromVariables = Object.fromEntries(
    Object.entries(variables).flatMap(([name, variable]) => {
      const value = environment[variable];
      return value === undefined || value === "" ? [] : [[name, value]];
    }),
  );
  const name = environment["OS_CLOUD"];
  const cloud = name === undefined || name === "" ? {} : readCloud(name, environment);
  const auth = { ...inner(cloud, "auth"), ...fromVariables };
  if (text(auth, "auth_url") === "") {
    throw new Error(
      "OpenStack credentials: found neither OS_CLOUD nor OS_AUTH_URL; required one of them. " +
        "Set the variables that Pulumi's OpenStack provider uses.",
    );
  }
  return {
    auth,
    region: environment["OS_REGION_NAME"] ?? text(cloud, "region_name"),
    interface:
      environment["OS_INTERFACE"] ??
      environment["OS_ENDPOINT_TYPE"]?.replace(/URL$/, "") ??
      (text(cloud, "interface") || "public"),
  };
}

function readCloud(name: string, environment: NodeJS.ProcessEnv): Json {
  const folders = [process.cwd(), path.join(os.homedir(), ".config/openstack"), "/etc/openstack"];
  const files = [
    environment["OS_CLIENT_CONFIG_FILE"],
    ...folders.map((folder) => path.join(folder, "clouds.yaml")),
  ].filter((file) => file !== undefined && fs.existsSync(file));
  const [file] = files;
  const clouds = file === undefined ? {} : readClouds(file);
  if (file === undefined || clouds[name] === undefined) {
    throw new Error(
      `OS_CLOUD: found "${name}"; required a cloud of ${file ?? "a clouds.yaml file"}. ` +
        `Looked in ${folders.join(", ")}.`,
    );
  }
  const secure = path.join(path.dirname(file), "secure.yaml");
  const cloud = inner(clouds, name);
  const secrets = fs.existsSync(secure) ? inner(readClouds(secure), name) : {};
  return { ...cloud, ...secrets, auth: { ...inner(cloud, "auth"), ...inner(secrets, "auth") } };
}

function readClouds(file: string): Json {
  return inner((parse(fs.readFileSync(file, "utf8")) ?? {}) as Json, "clouds");
}

async function signIn({ auth, region, interface: wanted }: Settings): Promise<Access> {
  const url = `${text(auth, "auth_url").replace(/\/(v3)?\/?$/, "")}/v3/auth/tokens`;
  const response = await fetch(url, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ auth: identity(auth) }),
  });
  const token = response.headers.get("X-Subject-Token");
  if (!response.ok || token === null) {
    throw new OpenStackError(`POST ${url}: ${response.status}`, response.status);
  }
  const { token: granted } = (await response.json()) as { token: { catalog?: CatalogEntry[] } };
  return { token, endpoints: endpointsOf(granted.catalog ?? [], region, wanted) };
}

function identity(auth: Json): Json {
  const id = text(auth, "application_credential_id");
  const name = text(auth, "application_credential_name");
  if (id !== "" || name !== "") {
    const credential = id === "" ? { name, user: user(auth) } : { id };
    const secret = text(auth, "application_credential_secret");
    return {
      identity: {
        methods: ["application_credential"],
        application_credential: { ...credential, secret },
      },
    };
  }
  const token = text(auth, "token");
  const scope = scopeOf(auth);
  return token === ""
    ? {
        identity: {
          methods: ["password"],
          password: { user: { ...user(auth), password: text(auth, "password") } },
        },
        scope,
      }
    : { identity: { methods: ["token"], token: { id: token } }, scope };
}

function user(auth: Json): Json {
  const id = text(auth, "user_id");
  return id === "" ? { name: text(auth, "username"), domain: domain(auth, "user") } : { id };
}

function scopeOf(auth: Json): Json {
  const id = text(auth, "project_id");
  return {
    project:
      id === "" ? { name: text(auth, "project_name"), domain: domain(auth, "project") } : { id },
  };
}

function domain(auth: Json, of: "user" | "project"): Json {
  const id = text(auth, `${of}_domain_id`) || text(auth, "domain_id");
  const name = text(auth, `${of}_domain_name`) || text(auth, "domain_name");
  return id !== "" ? { id } : name !== "" ? { name } : { id: "default" };
}

interface CatalogEntry {
  readonly type: string;
  readonly endpoints: readonly {
    readonly interface: string;
    readonly region_id?: string;
    readonly url: string;
  }[];
}

/** Names of the services in the catalogue, and whether their endpoints hold the API version. */
const services: Readonly<Record<Service, { types: readonly string[]; versioned: boolean }>> = {
  compute: { types: ["compute"], versioned: true },
  image: { types: ["image"], versioned: false },
  network: { types: ["network"], versioned: false },
  "load-balancer": { types: ["load-balancer"], versioned: false },
  volume: { types: ["block-storage", "volumev3"], versioned: true },
};

function endpointsOf(
  catalog: readonly CatalogEntry[],
  region: string,
  wanted: string,
): Map<Service, string> {
  const endpoints = new Map<Service, string>();
  for (const service of Object.keys(services) as Service[]) {
    const { types, versioned } = services[service];
    const endpoint = catalog
      .filter(({ type }) => types.includes(type))
      .flatMap((entry) => entry.endpoints)
      .find((each) => each.interface === wanted && (region === "" || each.region_id === region));
    if (endpoint !== undefined) {
      const url = endpoint.url.replace(/\/$/, "");
      endpoints.set(service, versioned ? url : url.replace(/\/v\d+(\.\d+)?$/, ""));
    }
  }
  return endpoints;
}
