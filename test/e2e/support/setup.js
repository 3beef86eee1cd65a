// Updates take their time; a project of jest has no time-out of its own.
jest.setTimeout(300_000);
