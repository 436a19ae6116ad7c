// The tables of the indexer `blocks`; drizzle/ makes them.
//
// SPDX-License-Identifier: Apache-2.0

import { bigint, pgTable, serial, text } from "drizzle-orm/pg-core";

// A block may stand here twice: that it never does is for a test to find.
export const blocks = pgTable("blocks", {
	id: serial("id").primaryKey(),
	number: bigint("number", { mode: "number" }).notNull(),
	// Of the unit, when the row was written.
	invocation: text("invocation").notNull(),
});
