// URLs of image factories.
// Does not prove: that a factory answers them.
import { factoryUrl, imageFromHttps, imageReleasePinned } from "../../../lib/rules/image-origin";

const id = "a".repeat(64);
const origin = (url: string) => ({ path: "image.imageSourceUrl", url, plainHosts: [] });

test("takes a URL apart, without its credentials", () => {
  const url = `https://user:secret@factory.example:8443/mirror/image/${id}/v1.13.9/openstack-amd64.raw`;
  expect(factoryUrl(url)).toEqual({
    scheme: "https",
    host: "factory.example:8443",
    version: "v1.13.9",
    file: "openstack-amd64.raw",
  });
  expect(factoryUrl("https://cloud.example/debian-13.qcow2")).toBeUndefined();
});

test.each([
  ["http://factory.example", 1],
  ["HTTP://factory.example", 1],
  ["https://factory.example", 0],
  ["http://127.77.0.2:8080", 0],
  ["http://localhost:8080", 0],
  ["http://[::1]:8080", 0],
  ["http://127.0.0.1.example", 1],
])("%s: %d problems", (base, count) => {
  expect(imageFromHttps(origin(`${base}/image/${id}/v1.13.9/openstack-amd64.raw`))).toHaveLength(
    count,
  );
});

test.each([
  ["v1.13.9", 0],
  ["1.13.9", 0],
  ["v1.14.0-beta.1", 0],
  ["latest", 1],
  ["v1.13", 1],
])("release %s: %d problems", (version, count) => {
  const url = `https://factory.example/image/${id}/${version}/openstack-amd64.raw`;
  expect(imageReleasePinned(origin(url))).toHaveLength(count);
});
