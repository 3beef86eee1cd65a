// Shows what it is configured with, where a secret must not be seen: the control of the search for secrets.
import * as pulumi from "@pulumi/pulumi";

export const planted = new pulumi.Config().requireObject<{ planted: string }>("cluster").planted;
