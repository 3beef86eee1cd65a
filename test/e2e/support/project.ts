import { sandbox } from "./cloud";
import type { Write } from "./cloud";

/** Runs a client command of the operator. */
function operator(...args: string[]): string {
  return sandbox("admin", "openstack", ...args).trim();
}

/**
 * A project of the sandbox's own user for one test: its quotas can be lowered without standing in
 * anybody's way, and all that is in it is the test's.
 */
export class Project {
  constructor(readonly name: string) {}

  /** Makes it, and makes it the one that updates of this process work in. */
  use(): void {
    operator("project", "create", "--or-show", this.name);
    for (const role of ["member", "load-balancer_member"]) {
      operator("role", "add", "--project", this.name, "--user", "demo", role);
    }
    process.env["OS_PROJECT_NAME"] = this.name;
  }

  /** Sets quotas of Nova, such as `instances`. */
  setQuotas(quotas: Readonly<Record<string, number>>): void {
    const flags = Object.entries(quotas).flatMap(([name, value]) => [`--${name}`, String(value)]);
    operator("quota", "set", ...flags, this.name);
  }

  /** What is in it must be gone before. */
  remove(): void {
    operator("project", "delete", this.name);
  }

  /**
   * Of the writes that were logged, those that count. All of them, because a test has the cloud to
   * itself; with SANDBOX_SHARED=1, while others work in the same cloud, those of this project alone
   * (the factory does not say whose a write is, so its are passed over).
   */
  writes(all: readonly Write[]): Write[] {
    return process.env["SANDBOX_SHARED"] === "1"
      ? all.filter(({ project }) => project === this.name)
      : [...all];
  }
}
