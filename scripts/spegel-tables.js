// Tables of the guide on Spegel, rendered from lib/spegel.
"use strict";

const peers = {
  nodes: "every node",
  spegel: "pods of Spegel",
  prometheus: "Prometheus",
  dns: "the cluster's DNS server",
  "api-server": "control planes",
};
const conditions = {
  always: "all",
  "router-udp": "0.7.0 and 0.7.1",
  "dns-bootstrap": "0.0.29 and newer",
  election: "up to 0.0.28",
  monitoring: "with `monitoring`",
};

/** Every connection of Spegel's pods, as rows. */
function flowRows({ flows }) {
  return Object.values(flows).map(({ direction, peer, port, protocols, when, reason }) => [
    direction === "ingress" ? "in" : "out",
    word(peers, peer),
    protocols.map((protocol) => `${port}/${protocol.toLowerCase()}`).join(", "),
    word(conditions, when),
    reason,
  ]);
}

const bootstraps = {
  kubernetes: "elects a leader through the API server",
  dns: "resolves a name of the cluster",
};

/** What changed from one release to another, as rows; newest first. */
function releaseRows({ spegelEras }) {
  return spegelEras
    .map(({ from, source, traits }) => [
      from,
      word(bootstraps, traits.bootstrap),
      traits.locks.length === 0 ? "none" : traits.locks.join(" and "),
      traits.locks.length === 0 ? "none" : "get and update, on that name",
      traits.containerd,
      source,
    ])
    .reverse();
}

function word(words, key) {
  if (words[key] === undefined)
    throw new Error(`scripts/spegel-tables.js has no words for ${key}.`);
  return words[key];
}

module.exports = { flowRows, releaseRows };
