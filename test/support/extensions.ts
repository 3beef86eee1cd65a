import type { ExtensionRow } from "../../lib/talos/extensions";

/** The least that an extension can be declared with, by its class. */
export function declaredFor({ activation }: Pick<ExtensionRow, "activation">): unknown {
  switch (activation.class) {
    case "service-configuration":
      return { configFiles: [{ content: "x", mountPath: "/etc/x" }], environment: ["KEY=value"] };
    case "credential-provider":
      return { matchImages: ["*.example"] };
    case "kernel-modules":
      return activation.oneOf === undefined || { modules: [{ name: activation.oneOf[0] }] };
    case "image-property":
    case "runtime":
    case "automatic":
    case "nothing":
    case "never":
      return true;
  }
}
