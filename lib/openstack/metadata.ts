/** Address of the metadata service, which hands out the user data of the server that asks. */
export const metadataServiceCidr = "169.254.169.254/32";
