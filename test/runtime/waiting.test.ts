// What waiting is given and how it ends; how often it asks is in readiness.test.ts.
// Does not prove that a real wait is as long as it says: only the direction of the real clock.
import {
  clock,
  defaultTimeoutSeconds,
  timeoutFailures,
  timeoutOf,
  waitUntil,
} from "../../runtime/waiting";

const common = { subject: "etcd", advice: "Look.", now: () => 0, sleep: () => Promise.resolve() };

test("what the probe throws ends the waiting as it is", async () => {
  let tries = 0;
  const hopeless = new Error("prod-general-0: found a stranger");
  const probe = () => (++tries < 3 ? Promise.resolve("not yet") : Promise.reject(hopeless));
  await expect(waitUntil({ ...common, timeoutSeconds: 60, probe })).rejects.toBe(hopeless);
  expect(tries).toBe(3);
});

test("asks once even when the time is shorter than the time between two tries", async () => {
  const probe = () => Promise.resolve(undefined);
  await expect(waitUntil({ ...common, timeoutSeconds: 0.1, probe })).resolves.toBeUndefined();
  await expect(
    waitUntil({ ...common, timeoutSeconds: 0.1, probe: () => Promise.resolve("not yet") }),
  ).rejects.toThrow(
    new Error(
      "etcd: not ready after 0 s and 1 tries (timeoutSeconds: 0.1). Last answer: not yet. Look.",
    ),
  );
});

test("counts the time that the probe itself takes", async () => {
  let time = 0;
  const slept: number[] = [];
  const waiting = {
    ...common,
    timeoutSeconds: 25,
    probe: () => {
      time += 10;
      return Promise.resolve("no answer within 10 s");
    },
    now: () => time,
    sleep: (seconds: number) => {
      slept.push(seconds);
      time += seconds;
      return Promise.resolve();
    },
  };
  await expect(waitUntil(waiting)).rejects.toThrow("not ready after 34 s and 3 tries");
  expect(slept).toEqual([2, 2]);
});

test("the real clock counts seconds forward", async () => {
  const start = clock.now();
  await clock.sleep(0.02);
  const elapsed = clock.now() - start;
  expect(elapsed).toBeGreaterThan(0.015);
  expect(elapsed).toBeLessThan(5);
});

test("the default is a quarter of an hour", () => {
  expect(defaultTimeoutSeconds).toBe(900);
  expect(timeoutOf(undefined)).toBe(900);
  expect(timeoutOf(60)).toBe(60);
});

test.each([
  [null, "null"],
  ["60", '"60"'],
  [-1, "-1"],
  [0, "0"],
  [true, "true"],
])("refuses %j", (timeoutSeconds, found) => {
  const reason =
    `timeoutSeconds: found ${found}; required a number of seconds above 0. ` +
    "Leave it out for 900.";
  expect(timeoutFailures({ timeoutSeconds })).toEqual([{ property: "", reason }]);
});

test.each([undefined, 0.5, 60, "04da6b54-80e4-46f7-96ec-b56ff0331ba9"])(
  "accepts %j",
  (timeoutSeconds) => {
    expect(timeoutFailures({ timeoutSeconds })).toEqual([]);
  },
);
