import { isKnown } from "../evidence";
import type { Fact } from "../evidence";
import { userDataProblems } from "../openstack/userdata";
import type { Problem } from "../problem";
import { unseenFacts } from "./seen";
import type { FactNames } from "./seen";

/** User data of a server. */
export interface UserDataEvidence {
  /** The server, as problems name it. */
  readonly subject: string;
  /** The text; only its size is ever reported. */
  readonly userData: Fact<string>;
}

const names: FactNames<UserDataEvidence> = { userData: "user data" };

/** Nova accepts user data of this size. */
export function userDataSize({ subject, userData }: UserDataEvidence): Problem[] {
  return isKnown(userData) ? userDataProblems(userData.value, `${subject}.userData`) : [];
}

/** What {@link userDataSize} could not see. */
export function userDataUnseen(evidence: UserDataEvidence): string[] {
  return unseenFacts(evidence, names);
}
