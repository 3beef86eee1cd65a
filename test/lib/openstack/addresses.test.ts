// Does not prove that a cloud accepts a range or a name; Neutron and Nova have further rules.
import fc from "fast-check";

import { contains, isAddress, overlap, parseCidr } from "../../../lib/openstack/cidr";
import type { Cidr } from "../../../lib/openstack/cidr";
import {
  nameProblems,
  nodeName,
  poolNameProblems,
  serverName,
  serverNameProblems,
} from "../../../lib/openstack/names";
import { encodedBytes, userDataProblems } from "../../../lib/openstack/userdata";

function cidr(text: string): Cidr {
  const result = parseCidr(text);
  if ("error" in result) throw new Error(`${text} ${result.error}`);
  return result.cidr;
}

describe("parseCidr", () => {
  it("reads ranges of both versions", () => {
    expect(cidr("10.10.0.0/24")).toEqual({
      text: "10.10.0.0/24",
      version: 4,
      prefix: 24,
      first: 0x0a0a0000n,
      size: 256n,
    });
    expect(cidr("0.0.0.0/0").size).toBe(2n ** 32n);
    expect(cidr("fd00::/8")).toMatchObject({ version: 6, prefix: 8, size: 2n ** 120n });
  });

  it.each<[string, string, string | undefined]>([
    ["10.10.0.5/24", "has host bits set", "10.10.0.0/24"],
    ["1.2.3.4/0", "has host bits set", "0.0.0.0/0"],
    ["fd00::1/64", "has host bits set", "fd00::/64"],
    ["10.10.0.0", "has no mask", "10.10.0.0/32"],
    ["fd00::1", "has no mask", "fd00::1/128"],
    ["10.10.0.0/33", "has a mask that is not a number from 0 to 32", undefined],
    ["10.10.0.0/024", "has a mask that is not a number from 0 to 32", undefined],
    ["10.10.0.0/", "has a mask that is not a number from 0 to 32", undefined],
    ["10.10.0.0/-1", "has a mask that is not a number from 0 to 32", undefined],
    ["10.10.0/24", "is not an address range", undefined],
    ["10.010.0.0/24", "is not an address range", undefined],
    ["0x0a.0.0.0/8", "is not an address range", undefined],
    ["10.256.0.0/16", "is not an address range", undefined],
    [" 10.10.0.0/24", "is not an address range", undefined],
    ["10.10.0.0/24/24", "is not an address range", undefined],
    ["fe80::1%eth0/64", "is not an address range", undefined],
    ["", "is not an address range", undefined],
    ["world", "is not an address range", undefined],
  ])("refuses %p", (text, error, didYouMean) => {
    expect(parseCidr(text)).toEqual({ error, ...(didYouMean && { didYouMean }) });
  });

  it("suggests a range that is accepted and holds the address", () => {
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(
        fc.tuple(byte, byte, byte, byte),
        fc.integer({ min: 0, max: 32 }),
        (bytes, mask) => {
          const address = bytes.join(".");
          const result = parseCidr(`${address}/${mask}`);
          const range = cidr("error" in result ? (result.didYouMean ?? "") : `${address}/${mask}`);
          expect(range.prefix).toBe(mask);
          expect(contains(range, cidr(`${address}/32`))).toBe(true);
        },
      ),
    );
  });
});

describe("overlap and contains", () => {
  it.each([
    ["10.0.0.0/8", "10.244.0.0/16", true, true],
    ["10.244.0.0/16", "10.0.0.0/8", true, false],
    ["10.0.0.0/24", "10.0.1.0/24", false, false],
    ["10.0.0.0/24", "10.0.0.0/24", true, true],
    ["0.0.0.0/0", "fd00::/8", false, false],
  ])("%s and %s", (a, b, overlaps, inside) => {
    expect(overlap(cidr(a), cidr(b))).toBe(overlaps);
    expect(overlap(cidr(b), cidr(a))).toBe(overlaps);
    expect(contains(cidr(a), cidr(b))).toBe(inside);
  });
});

describe("isAddress", () => {
  it.each([
    ["192.0.2.1", true],
    ["::1", true],
    ["192.0.2", false],
    ["192.0.2.01", false],
    ["1.2.3.4/32", false],
    ["host", false],
  ])("%p is %p", (text, expected) => {
    expect(isAddress(text)).toBe(expected);
  });
});

describe("names", () => {
  it.each(["a", "prod", "prod-1", "0", "a".repeat(63)])("accept %p", (name) => {
    expect(nameProblems("clusterName", name)).toEqual([]);
  });

  it.each(["", "Prod", "-a", "a-", "a.b", "a_b", "ä", "a b", "a\n", "a".repeat(64)])(
    "refuse %p",
    (name) => {
      expect(nameProblems("clusterName", name).map(({ rule }) => rule)).toEqual(["name-is-label"]);
    },
  );

  it("say value and length", () => {
    expect(nameProblems("pools.Big", "Big")).toEqual([
      {
        rule: "name-is-label",
        path: "pools.Big",
        found: '"Big" (3 characters)',
        required: "1 to 63 of a-z, 0-9 and -, with a letter or digit at both ends",
        fix: "Choose a name of lowercase letters, digits and inner hyphens.",
      },
    ]);
  });

  it("of worker pools are not that of the control plane", () => {
    expect(poolNameProblems("pools.storage", "storage")).toEqual([]);
    expect(poolNameProblems("pools.control-plane", "control-plane")).toEqual([
      {
        rule: "pool-name-reserved",
        path: "pools.control-plane",
        found: '"control-plane"',
        required: "a name other than control-plane, which the control plane has",
        fix: "Rename the worker pool.",
      },
    ]);
  });

  it("of servers are host names, the last node included", () => {
    expect(serverName("prod", nodeName("storage", 0))).toBe("prod-storage-0");
    const pool = "p".repeat(56);
    expect(serverNameProblems("pools.p", "prod", pool, 10)).toEqual([]);
    expect(serverNameProblems("pools.p", "prod", pool, 11)).toEqual([
      {
        rule: "server-name-length",
        path: "pools.p",
        found: `prod-${pool}-10 (64 characters)`,
        required: "server names of at most 63 characters",
        fix: "Shorten the name of the cluster or of the pool by 1.",
      },
    ]);
  });
});

describe("userDataProblems", () => {
  it("counts bytes of UTF-8 after base64", () => {
    expect([encodedBytes(""), encodedBytes("a"), encodedBytes("abc"), encodedBytes("éé")]).toEqual([
      0, 4, 4, 8,
    ]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(encodedBytes(text)).toBe(Buffer.from(text).toString("base64").length);
      }),
    );
  });

  it("accepts as much as Nova and not a byte more", () => {
    expect(userDataProblems("x".repeat(49_149))).toEqual([]);
    expect(userDataProblems("x".repeat(49_152), "pools.storage")).toEqual([
      {
        rule: "user-data-size",
        path: "pools.storage",
        found: "65536 bytes after base64 (49152 bytes of text)",
        required: "at most 65535 bytes after base64 (about 49149 bytes of text)",
        fix: "Shorten the configuration: leave out documentation and examples, and move large manifests and files out of the patches.",
      },
    ]);
  });
});
