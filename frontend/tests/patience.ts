/** A busy machine is slow, not wrong: whatever a test waits for may take as long as in CI's slowest hour. */
import { configure } from "@testing-library/react";

configure({ asyncUtilTimeout: 60_000 });
