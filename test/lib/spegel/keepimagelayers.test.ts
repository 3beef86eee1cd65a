// The patch that makes containerd keep layers, and the rule that looks for it.
// Does not prove that containerd reads it: the text follows Talos' and containerd's documentation.
import { parse } from "yaml";

import { known, missing } from "../../../lib/evidence";
import { spegelKeepsImageLayers } from "../../../lib/rules/spegel-keeps-image-layers";
import { keepImageLayersPatch, settingIn } from "../../../lib/spegel/keepimagelayers";
import { parseTalosVersion } from "../../../lib/talos/versions";

const path = "/etc/cri/conf.d/20-customization.part";
const contentOf = (patch: string) =>
  (parse(patch) as { machine: { files: { content: string }[] } }).machine.files[0]?.content;
const part = (content: string) =>
  JSON.stringify({ machine: { files: [{ path, op: "create", content }] } });

test("up to Talos 1.13 it is a file, with the section that this containerd has", () => {
  expect(parse(keepImageLayersPatch("1.13", "v1alpha1"))).toEqual({
    machine: {
      files: [
        {
          path,
          op: "create",
          permissions: 0o644,
          content: '[plugins."io.containerd.cri.v1.images"]\n  discard_unpacked_layers = false\n',
        },
      ],
    },
  });
  expect(contentOf(keepImageLayersPatch("1.7", "v1alpha1"))).toBe(
    '[plugins."io.containerd.grpc.v1.cri".containerd]\n  discard_unpacked_layers = false\n',
  );
});

test("in the newer form it is a document", () => {
  expect(parse(keepImageLayersPatch("1.14", "documents"))).toEqual({
    apiVersion: "v1alpha1",
    kind: "CRICustomizationConfig",
    name: "spegel",
    content: '[plugins."io.containerd.cri.v1.images"]\n  discard_unpacked_layers = false\n',
  });
});

test("what other patches write into the file is kept; the last of them counts", () => {
  const patches = [
    part('[metrics]\n  address = "0.0.0.0:1"\n'),
    "machine:\n  sysctls: { a: b }\n",
    part('[metrics]\n  address = "0.0.0.0:11234"\n'),
  ];
  expect(contentOf(keepImageLayersPatch("1.13", "v1alpha1", patches))).toBe(
    [
      "[metrics]",
      '  address = "0.0.0.0:11234"',
      "",
      '[plugins."io.containerd.cri.v1.images"]',
      "  discard_unpacked_layers = false",
      "",
    ].join("\n"),
  );
});

test("a section that is there is extended, and a contrary setting replaced", () => {
  const content = [
    "[plugins]",
    "  [plugins.'io.containerd.cri.v1.images'] # ours",
    '    snapshotter = "overlayfs"',
    "    discard_unpacked_layers = true",
    "[debug]",
    '  level = "info"',
  ].join("\n");
  const merged = contentOf(keepImageLayersPatch("1.13", "v1alpha1", [part(content)]));
  expect(merged).toBe(
    [
      "[plugins]",
      "  [plugins.'io.containerd.cri.v1.images'] # ours",
      "  discard_unpacked_layers = false",
      '    snapshotter = "overlayfs"',
      "[debug]",
      '  level = "info"',
      "",
    ].join("\n"),
  );
  const section = 'plugins."io.containerd.cri.v1.images"';
  expect(settingIn(merged ?? "", section, "discard_unpacked_layers")).toBe("false");
});

const judge = (configuration: string, version = "1.13.9") => {
  const talos = parseTalosVersion(version);
  return spegelKeepsImageLayers({
    subject: "pool general",
    talos: talos === undefined ? missing("not-in-stack") : known(talos),
    configuration: known(configuration),
  });
};

test("the rule is content with the patch, in either form", () => {
  expect(judge(keepImageLayersPatch("1.13", "v1alpha1"))).toEqual([]);
  expect(judge(keepImageLayersPatch("1.14", "documents"), "1.14.1")).toEqual([]);
});

test("the rule names the section and the place", () => {
  const required =
    'discard_unpacked_layers = false in [plugins."io.containerd.cri.v1.images"], by machine.files /etc/cri/conf.d/20-customization.part; containerd throws away layers otherwise, and Spegel has nothing to offer';
  const problem = {
    rule: "spegel-keeps-image-layers",
    path: "pool general.containerd",
    required,
    fix: "Apply keepImageLayersPatch as the last of the configPatches.",
  };
  expect(judge("machine: {}\n")).toEqual([{ ...problem, found: "no customization of containerd" }]);
  expect(judge(keepImageLayersPatch("1.7", "v1alpha1"))).toEqual([
    {
      ...problem,
      found: "a customization of containerd without discard_unpacked_layers in that section",
    },
  ]);
  const overwritten = `${keepImageLayersPatch("1.13", "v1alpha1")}---\n${part("[metrics]\n")}`;
  expect(judge(overwritten)).toHaveLength(1);
  const contrary = keepImageLayersPatch("1.13", "v1alpha1").replace("= false", "= true");
  expect(judge(contrary)).toEqual([{ ...problem, found: 'discard_unpacked_layers = "true"' }]);
});

test("what cannot be seen is not judged", () => {
  expect(
    spegelKeepsImageLayers({
      subject: "pool general",
      talos: missing("not-in-stack"),
      configuration: known(""),
    }),
  ).toEqual([]);
});
