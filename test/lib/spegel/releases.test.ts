// The table of releases, and which flows each release needs.
// Does not prove that the binaries behave as the table says: it was read from their source.
import { flows, neededFlows } from "../../../lib/spegel/flows";
import {
  compareReleases,
  elects,
  isKnownRelease,
  isNewerRelease,
  newestSpegelRelease,
  parseSpegelRelease,
  spegelEras,
  spegelReleases,
  traitsOf,
} from "../../../lib/spegel/releases";

test("releases and eras are in order, and the newest release is the last", () => {
  const sorted = [...spegelReleases].sort(compareReleases);
  expect(spegelReleases).toEqual(sorted);
  expect(newestSpegelRelease).toBe(spegelReleases.at(-1));
  const starts = spegelEras.map(({ from }) => from);
  expect(starts).toEqual([...starts].sort(compareReleases));
  expect(starts[0]).toBe(spegelReleases[0]);
  expect(spegelEras.every(({ source }) => source !== "")).toBe(true);
});

test.each([
  ["0.0.17", "kubernetes", ["ConfigMap", "Lease"]],
  ["0.0.18", "kubernetes", ["Lease"]],
  ["0.0.28", "kubernetes", ["Lease"]],
  ["0.0.29", "dns", []],
  ["0.7.4", "dns", []],
  ["0.9.0", "dns", []],
] as const)("%s starts by %s with locks %j", (release, bootstrap, locks) => {
  const traits = traitsOf(release);
  expect({ bootstrap: traits.bootstrap, locks: traits.locks }).toEqual({ bootstrap, locks });
  expect(elects(release)).toBe(bootstrap === "kubernetes");
});

test("reads exact releases only", () => {
  expect(parseSpegelRelease("v0.7.4")).toBe("0.7.4");
  expect(parseSpegelRelease("0.0.17")).toBe("0.0.17");
  for (const text of ["0.7", "0.7.4-rc1", "latest", "", "00.7.4"]) {
    expect(parseSpegelRelease(text)).toBeUndefined();
  }
  expect(isKnownRelease("0.0.31")).toBe(false);
  expect(isNewerRelease("0.0.31")).toBe(false);
  expect(isNewerRelease("0.10.0")).toBe(true);
});

const always = [
  "registry-from-nodes",
  "registry-from-peers",
  "router-from-peers",
  "registry-to-peers",
  "router-to-peers",
];

test.each([
  ["0.0.17", ["election-at-api-server"]],
  ["0.0.28", ["election-at-api-server"]],
  ["0.0.30", ["names-from-dns"]],
  ["0.7.1", ["router-from-peers-udp", "router-to-peers-udp", "names-from-dns"]],
  ["0.7.4", ["names-from-dns"]],
])("%s needs beside what all need: %j", (release, more) => {
  const names = (monitored: boolean) =>
    neededFlows(traitsOf(release), monitored).map(({ name }) => name);
  expect(names(false).toSorted()).toEqual([...always, ...more].toSorted());
  expect(names(true).toSorted()).toEqual(
    [...always, ...more, "metrics-from-prometheus"].toSorted(),
  );
});

test("nothing goes to the port of KubePrism or to registries", () => {
  const ports = [...new Set(Object.values(flows).map(({ port }) => port))].sort((a, b) => a - b);
  expect(ports).toEqual([53, 5000, 5001, 6443, 9090]);
});
