CREATE TABLE "blocks" (
	"id" serial PRIMARY KEY NOT NULL,
	"number" bigint NOT NULL,
	"invocation" text NOT NULL
);
