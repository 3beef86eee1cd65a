/** A JSON object of an OpenStack API or of a Pulumi state. */
export type Json = Readonly<Record<string, unknown>>;

/** Service types of the catalogue that own the objects of a cluster. */
export type Service = "compute" | "image" | "network" | "load-balancer" | "volume";

/** Types of the objects that the components create in OpenStack. */
export type CloudType =
  | "openstack:blockstorage/volume:Volume"
  | "openstack:compute/instance:Instance"
  | "openstack:compute/serverGroup:ServerGroup"
  | "openstack:compute/volumeAttach:VolumeAttach"
  | "openstack:images/image:Image"
  | "openstack:loadbalancer/listener:Listener"
  | "openstack:loadbalancer/loadBalancer:LoadBalancer"
  | "openstack:loadbalancer/member:Member"
  | "openstack:loadbalancer/monitor:Monitor"
  | "openstack:loadbalancer/pool:Pool"
  | "openstack:networking/floatingIp:FloatingIp"
  | "openstack:networking/network:Network"
  | "openstack:networking/port:Port"
  | "openstack:networking/router:Router"
  | "openstack:networking/routerInterface:RouterInterface"
  | "openstack:networking/secGroup:SecGroup"
  | "openstack:networking/secGroupRule:SecGroupRule"
  | "openstack:networking/subnet:Subnet";

/**
 * What an object is good for: `whole` can be used, `unfinished` the cloud still works on it,
 * `broken` never becomes usable.
 */
export type Condition = "whole" | "unfinished" | "broken";

/** How objects of one type are found, judged and removed. */
export interface CloudTypeRow {
  /** What people call it. */
  readonly noun: string;
  readonly service: Service;
  /** Path of the list in which an object made of these inputs is; narrowed where the API can. */
  readonly list: (inputs: Json) => string;
  /** Property of the answer that holds the list. */
  readonly key: string;
  /** True for an object made of these inputs. */
  readonly matches: (object: Json, inputs: Json) => boolean;
  /** Path of one object, for types whose condition can change after an update. */
  readonly show?: (id: string) => string;
  readonly condition: (object: Json) => Condition;
  /** What the cloud says about a broken one. */
  readonly reason: (object: Json, inputs: Json) => string;
  /** False where something of value may be inside, or where only the owner can tell. */
  readonly disposable: (object: Json) => boolean;
  /** Path by which one is deleted. */
  readonly remove: (id: string, object: Json) => string;
  /** ID as the provider knows it. Default: the object's own. */
  readonly id?: (object: Json, inputs: Json) => string;
}

/** A text property, or the empty text. */
export function text(object: Json, name: string): string {
  const value = object[name];
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}

/** An object inside an object, or an empty one. */
export function inner(object: Json, name: string): Json {
  const value = object[name];
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

const query = (values: Record<string, string>) => new URLSearchParams(values).toString();
const sameName = (object: Json, inputs: Json) =>
  text(object, "name") !== "" && text(object, "name") === text(inputs, "name");
const sameDescription = (object: Json, inputs: Json) =>
  text(object, "description") === text(inputs, "description");
const same = (object: Json, property: string, inputs: Json, input: string) =>
  text(object, property) === text(inputs, input);
const holds = (list: unknown, test: (item: Json) => boolean) =>
  Array.isArray(list) && (list as Json[]).some(test);

const always = () => true;
const never = () => false;
const whole = (): Condition => "whole";
const silent = () => "";

interface Neutron {
  readonly noun: string;
  readonly collection: string;
  readonly query: (inputs: Json) => Record<string, string>;
  readonly matches: CloudTypeRow["matches"];
  readonly condition?: CloudTypeRow["condition"];
  readonly reason?: CloudTypeRow["reason"];
}

function neutron(row: Neutron): CloudTypeRow {
  return {
    noun: row.noun,
    service: "network",
    list: (inputs) => `/v2.0/${row.collection}?${query(row.query(inputs))}`,
    key: row.collection.replaceAll("-", "_"),
    matches: row.matches,
    condition: row.condition ?? whole,
    reason: row.reason ?? silent,
    disposable: always,
    remove: (id) => `/v2.0/${row.collection}/${id}`,
  };
}

function octavia(
  noun: string,
  collection: string,
  key: string,
  filter: (inputs: Json) => Record<string, string>,
  matches: CloudTypeRow["matches"],
): CloudTypeRow {
  const path = `/v2.0/lbaas/${collection}`;
  return {
    noun,
    service: "load-balancer",
    list: (inputs) => `${path}?${query(filter(inputs))}`,
    key,
    matches,
    show: collection === "loadbalancers" ? (id) => `${path}/${id}` : undefined,
    condition: (object) => {
      const status = text(object, "provisioning_status");
      return status.startsWith("PENDING") ? "unfinished" : status === "ERROR" ? "broken" : "whole";
    },
    reason: (object) => `provisioning status ${text(object, "provisioning_status")}`,
    disposable: always,
    remove: (id) => `${path}/${id}${collection === "loadbalancers" ? "?cascade=true" : ""}`,
  };
}

function imageCondition(image: Json): Condition {
  switch (text(image, "status")) {
    case "queued":
      // The import is accepted before the status changes.
      return text(image, "os_glance_importing_to_stores") === "" ? "broken" : "unfinished";
    case "saving":
    case "importing":
    case "uploading":
      return "unfinished";
    case "killed":
      return "broken";
    default:
      return "whole";
  }
}

function imageReason(image: Json, inputs: Json): string {
  const stores = text(image, "os_glance_failed_import");
  return [
    `status ${text(image, "status")}`,
    ...(stores === "" ? [] : [`import into store ${stores} failed`]),
    ...(text(inputs, "imageSourceUrl") === "" ? [] : [`from ${text(inputs, "imageSourceUrl")}`]),
  ].join(", ");
}

/** Every type that the components create, in the order in which leftovers can be removed. */
export const cloudTypes: Readonly<Record<CloudType, CloudTypeRow>> = {
  "openstack:compute/volumeAttach:VolumeAttach": {
    noun: "volume attachment",
    service: "compute",
    list: (inputs) => `/servers/${text(inputs, "instanceId")}/os-volume_attachments`,
    key: "volumeAttachments",
    matches: (object, inputs) => same(object, "volumeId", inputs, "volumeId"),
    condition: whole,
    reason: silent,
    disposable: never,
    remove: (_id, object) =>
      `/servers/${text(object, "serverId")}/os-volume_attachments/${text(object, "volumeId")}`,
    id: (object, inputs) => `${text(inputs, "instanceId")}/${text(object, "volumeId")}`,
  },
  "openstack:compute/instance:Instance": {
    noun: "server",
    service: "compute",
    list: (inputs) =>
      `/servers/detail?${query({ name: `^${text(inputs, "name").replaceAll(".", "\\.")}$` })}`,
    key: "servers",
    matches: sameName,
    show: (id) => `/servers/${id}`,
    condition: (server) => {
      const status = text(server, "status");
      return status === "BUILD" ? "unfinished" : status === "ERROR" ? "broken" : "whole";
    },
    reason: (server) => {
      const fault = text(inner(server, "fault"), "message");
      return `status ${text(server, "status")}${fault === "" ? "" : `: ${fault}`}`;
    },
    // A server that once ran may hold data, of etcd for one, whatever its status is now.
    disposable: (server) =>
      "OS-SRV-USG:launched_at" in server && text(server, "OS-SRV-USG:launched_at") === "",
    remove: (id) => `/servers/${id}`,
  },
  "openstack:blockstorage/volume:Volume": {
    noun: "volume",
    service: "volume",
    list: (inputs) => `/volumes/detail?${query({ name: text(inputs, "name") })}`,
    key: "volumes",
    matches: sameName,
    condition: (volume) => {
      const status = text(volume, "status");
      return status === "error"
        ? "broken"
        : status === "creating" || status === "downloading"
          ? "unfinished"
          : "whole";
    },
    reason: (volume) => `status ${text(volume, "status")}`,
    disposable: never,
    remove: (id) => `/volumes/${id}`,
  },
  "openstack:loadbalancer/member:Member": {
    ...octavia(
      "member of a load balancer",
      "pools",
      "members",
      () => ({}),
      (object, inputs) =>
        same(object, "address", inputs, "address") &&
        same(object, "protocol_port", inputs, "protocolPort"),
    ),
    list: (inputs) => `/v2.0/lbaas/pools/${text(inputs, "poolId")}/members`,
    // A second one with this address and port is refused by Octavia.
    disposable: never,
  },
  "openstack:loadbalancer/monitor:Monitor": octavia(
    "health monitor",
    "healthmonitors",
    "healthmonitors",
    (inputs) => ({ name: text(inputs, "name") }),
    (object, inputs) =>
      sameName(object, inputs) &&
      holds(object["pools"], (pool) => same(pool, "id", inputs, "poolId")),
  ),
  "openstack:loadbalancer/pool:Pool": octavia(
    "pool of a load balancer",
    "pools",
    "pools",
    (inputs) => ({ name: text(inputs, "name") }),
    (object, inputs) =>
      sameName(object, inputs) &&
      holds(object["listeners"], (listener) => same(listener, "id", inputs, "listenerId")),
  ),
  "openstack:loadbalancer/listener:Listener": octavia(
    "listener",
    "listeners",
    "listeners",
    (inputs) => ({ name: text(inputs, "name") }),
    (object, inputs) =>
      sameName(object, inputs) &&
      holds(object["loadbalancers"], (item) => same(item, "id", inputs, "loadbalancerId")),
  ),
  "openstack:networking/floatingIp:FloatingIp": neutron({
    noun: "floating IP",
    collection: "floatingips",
    query: (inputs) => ({ description: text(inputs, "description") }),
    // A floating IP has no name; its description names cluster and node.
    matches: (object, inputs) =>
      text(inputs, "description") !== "" &&
      sameDescription(object, inputs) &&
      (text(inputs, "portId") === "" || same(object, "port_id", inputs, "portId")),
  }),
  "openstack:loadbalancer/loadBalancer:LoadBalancer": octavia(
    "load balancer",
    "loadbalancers",
    "loadbalancers",
    (inputs) => ({ name: text(inputs, "name") }),
    (object, inputs) =>
      sameName(object, inputs) && same(object, "vip_subnet_id", inputs, "vipSubnetId"),
  ),
  "openstack:networking/routerInterface:RouterInterface": {
    ...neutron({
      noun: "router interface",
      collection: "ports",
      query: (inputs) => ({ device_id: text(inputs, "routerId") }),
      matches: (object, inputs) =>
        text(object, "device_owner").includes("router_interface") &&
        holds(object["fixed_ips"], (address) => same(address, "subnet_id", inputs, "subnetId")),
    }),
    // A second one to the same subnet is refused by Neutron.
    disposable: never,
  },
  "openstack:networking/router:Router": neutron({
    noun: "router",
    collection: "routers",
    query: (inputs) => ({ name: text(inputs, "name") }),
    matches: sameName,
  }),
  "openstack:networking/port:Port": neutron({
    noun: "port",
    collection: "ports",
    query: (inputs) => ({ name: text(inputs, "name"), network_id: text(inputs, "networkId") }),
    matches: (object, inputs) => sameName(object, inputs) && sameDescription(object, inputs),
  }),
  "openstack:networking/secGroupRule:SecGroupRule": neutron({
    noun: "security group rule",
    collection: "security-group-rules",
    query: (inputs) => ({ security_group_id: text(inputs, "securityGroupId") }),
    matches: (object, inputs) =>
      same(object, "direction", inputs, "direction") &&
      same(object, "ethertype", inputs, "ethertype") &&
      same(object, "protocol", inputs, "protocol") &&
      same(object, "port_range_min", inputs, "portRangeMin") &&
      same(object, "port_range_max", inputs, "portRangeMax") &&
      same(object, "remote_group_id", inputs, "remoteGroupId") &&
      same(object, "remote_ip_prefix", inputs, "remoteIpPrefix"),
  }),
  "openstack:networking/secGroup:SecGroup": neutron({
    noun: "security group",
    collection: "security-groups",
    query: (inputs) => ({ name: text(inputs, "name") }),
    matches: (object, inputs) => sameName(object, inputs) && sameDescription(object, inputs),
    // Neutron's default rules go right after the group is made; ours come after it is recorded.
    condition: (object) => (holds(object["security_group_rules"], always) ? "broken" : "whole"),
    reason: () => "still has the default rules",
  }),
  "openstack:networking/subnet:Subnet": neutron({
    noun: "subnet",
    collection: "subnets",
    query: (inputs) => ({ name: text(inputs, "name"), network_id: text(inputs, "networkId") }),
    matches: (object, inputs) => sameName(object, inputs) && same(object, "cidr", inputs, "cidr"),
  }),
  "openstack:networking/network:Network": neutron({
    noun: "network",
    collection: "networks",
    query: (inputs) => ({ name: text(inputs, "name") }),
    matches: (object, inputs) => sameName(object, inputs) && sameDescription(object, inputs),
  }),
  "openstack:compute/serverGroup:ServerGroup": {
    noun: "server group",
    service: "compute",
    list: () => "/os-server-groups",
    key: "server_groups",
    matches: sameName,
    condition: whole,
    reason: silent,
    disposable: (group) => !holds(group["members"], always),
    remove: (id) => `/os-server-groups/${id}`,
  },
  "openstack:images/image:Image": {
    noun: "image",
    service: "image",
    list: (inputs) => `/v2/images?${query({ name: text(inputs, "name") })}`,
    key: "images",
    matches: (object, inputs) =>
      sameName(object, inputs) && text(object, "visibility") === "private",
    show: (id) => `/v2/images/${id}`,
    condition: imageCondition,
    reason: imageReason,
    disposable: always,
    remove: (id) => `/v2/images/${id}`,
  },
};

/** True for a type that the table knows. */
export function isCloudType(type: string): type is CloudType {
  return Object.hasOwn(cloudTypes, type);
}
