// Who keeps pods from the metadata service. Does not prove that Cilium does: no datapath here.
import { metadataServiceWarnings } from "../../../lib/rules/metadata-service";

test("flannel cannot, others may", () => {
  expect(metadataServiceWarnings({ cni: "flannel" })).toEqual([
    "cni: flannel enforces no network policy, so every pod can read its node's user data, with keys, at 169.254.169.254; use cilium with a MetadataServiceBlock where pods are not trusted.",
  ]);
  expect(metadataServiceWarnings({ cni: "none" })).toEqual([
    "cni: none leaves it to your CNI to keep pods from 169.254.169.254, where their node's user data, with keys, can be read; forbid it there.",
  ]);
  expect(metadataServiceWarnings({ cni: "cilium" })).toEqual([]);
});
