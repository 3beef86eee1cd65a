import type { Policies } from "@pulumi/policy";

import { addressPairsNarrow } from "./address-pairs-narrow";
import { bootVolumeSize } from "./boot-volume-size";
import { controlPlaneCountOdd } from "./control-plane-count-odd";
import { controlPlanesAcrossZones } from "./control-planes-across-zones";
import { controlPlanesApart } from "./control-planes-apart";
import { deletionProtected } from "./deletion-protected";
import { etcdNotPublic } from "./etcd-not-public";
import { extensionConflicts, extensionConflictsInStack } from "./extension-conflicts";
import { extensionDependencies, extensionDependenciesInStack } from "./extension-dependencies";
import { extensionKnown, extensionKnownInStack } from "./extension-known";
import { imageBootsWithUefi } from "./image-boots-with-uefi";
import { imageFromHttps } from "./image-from-https";
import {
  imageHoldsExactlyActivatedExtensions,
  imageHoldsExactlyActivatedExtensionsInStack,
} from "./image-holds-exactly-activated-extensions";
import { imageReleasePinned } from "./image-release-pinned";
import { imageSizeAndArchitecture } from "./image-size-and-architecture";
import { imageSourceCanBoot } from "./image-source-can-boot";
import {
  installImageMatchesSchematic,
  installImageMatchesSchematicInStack,
} from "./install-image-matches-schematic";
import { installVersionMatches, installVersionMatchesInStack } from "./install-version-matches";
import { kubeletNotPublic } from "./kubelet-not-public";
import { kubernetesApiNotPublic } from "./kubernetes-api-not-public";
import { kubernetesVersionSupported } from "./kubernetes-version-supported";
import { noKeyMaterial } from "./no-key-material";
import { policyReachesApiServer } from "./policy-reaches-api-server";
import { portSecurityOn } from "./port-security-on";
import { serverImageCanBeJudged } from "./server-image-can-be-judged";
import { serverKeptAsCreated } from "./server-kept-as-created";
import { spegelElectionObjects } from "./spegel-election-objects";
import { spegelHostPort } from "./spegel-host-port";
import { spegelKeepsImageLayers } from "./spegel-keeps-image-layers";
import { spegelNamespacePrivileged } from "./spegel-namespace-privileged";
import { spegelNetworkPolicy } from "./spegel-network-policy";
import { spegelNetworkPolicyNarrow } from "./spegel-network-policy-narrow";
import { spegelPortsNotPublic } from "./spegel-ports-not-public";
import { spegelRbac } from "./spegel-rbac";
import { spegelRbacNarrow } from "./spegel-rbac-narrow";
import { spegelReleaseSupported } from "./spegel-release-supported";
import { talosApiNotPublic } from "./talos-api-not-public";
import { userDataSize } from "./user-data-size";

/** Every rule of the pack, in the order in which the engine calls them; also for packs of your own. */
export const policies: Policies = [
  imageHoldsExactlyActivatedExtensions,
  imageHoldsExactlyActivatedExtensionsInStack,
  serverImageCanBeJudged,
  extensionConflicts,
  extensionConflictsInStack,
  extensionDependencies,
  extensionDependenciesInStack,
  extensionKnown,
  extensionKnownInStack,
  installImageMatchesSchematic,
  installImageMatchesSchematicInStack,
  installVersionMatches,
  installVersionMatchesInStack,
  kubernetesVersionSupported,
  serverKeptAsCreated,
  userDataSize,
  bootVolumeSize,
  imageSourceCanBoot,
  imageBootsWithUefi,
  imageSizeAndArchitecture,
  imageFromHttps,
  imageReleasePinned,
  talosApiNotPublic,
  etcdNotPublic,
  kubeletNotPublic,
  kubernetesApiNotPublic,
  portSecurityOn,
  addressPairsNarrow,
  controlPlaneCountOdd,
  controlPlanesApart,
  controlPlanesAcrossZones,
  deletionProtected,
  noKeyMaterial,
  spegelReleaseSupported,
  spegelHostPort,
  spegelElectionObjects,
  spegelRbac,
  spegelRbacNarrow,
  spegelNetworkPolicy,
  spegelNetworkPolicyNarrow,
  spegelNamespacePrivileged,
  spegelPortsNotPublic,
  spegelKeepsImageLayers,
  policyReachesApiServer,
];
