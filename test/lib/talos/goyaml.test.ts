// Does not prove more than the recorded texts: the order of keys is go.yaml.in/yaml v4.0.0-rc.4's.
import fc from "fast-check";
import { parse } from "yaml";

import { compareGoYamlKeys, writeGoYaml } from "../../../lib/talos/goyaml";

describe("compareGoYamlKeys", () => {
  it("sorts as the encoder does", () => {
    const sorted = [
      "-x",
      "1",
      "5a",
      "7",
      "07",
      "40",
      "A",
      "a",
      "a-b",
      "a1",
      "a01",
      "a2",
      "a10",
      "ab",
    ];
    expect([...sorted].reverse().sort(compareGoYamlKeys)).toEqual(sorted);
  });

  it("puts letters first after a digit", () => {
    expect(["k1-b", "k1a"].sort(compareGoYamlKeys)).toEqual(["k1a", "k1-b"]);
    expect(["ka", "k-b"].sort(compareGoYamlKeys)).toEqual(["k-b", "ka"]);
  });
});

describe("writeGoYaml", () => {
  it("writes texts that read back as the same texts", () => {
    // Not several lines: a reader cannot be asked whether the encoder's own choice is right.
    const text = fc.string({ unit: "grapheme", maxLength: 12 }).filter((s) => !/[\r\n]/.test(s));
    fc.assert(
      fc.property(
        fc.array(text),
        fc.dictionary(fc.stringMatching(/^k[a-z0-9]{0,5}$/), text),
        (a, b) => {
          const document = { list: a, map: new Map(Object.entries(b)) };
          expect(parse(writeGoYaml(document), { version: "1.2" })).toEqual({
            list: a,
            map: { ...b },
          });
        },
      ),
    );
  });
});
