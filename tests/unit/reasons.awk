# Which reason is refused with which code in C sources: a line "CODE REASON" for each place, and
# "? FILE:LINE: words" for each place where that cannot be seen.
#
# The sources are read as tokens, so neither layout nor comments matter. A function or macro that has
# a parameter `reason` is a way to refuse: its calls are looked at wherever they are, and the code is
# another argument of theirs (a parameter `code`), or what the body itself passes on beside `reason`.
# Beside the calls, a code that is followed by a literal in a table, and `.code =` with `.reason =`
# in one initializer.
#
# SPDX-License-Identifier: Apache-2.0

function complain(i, words)
{
	printf "? %s:%d: %s\n", file[i], line[i], words
}

# --- tokens: of all files in one row, a mark between them ------------------------------------------

function put(text)
{
	token[++n] = text
	file[n] = FILENAME
	line[n] = FNR
}

function read_line(text,    piece)
{
	while (text != "") {
		if (in_comment) {
			if (!match(text, /\*\//))
				return
			text = substr(text, RSTART + 2)
			in_comment = 0
		} else if (match(text, /^[ \t]+/)) {
			text = substr(text, RLENGTH + 1)
		} else if (text ~ /^\/\*/) {
			text = substr(text, 3)
			in_comment = 1
		} else if (text ~ /^\/\//) {
			return
		} else {
			if (!match(text, /^"([^"\\]|\\.)*"/) && !match(text, /^'([^'\\]|\\.)*'/) &&
			    !match(text, /^[A-Za-z_0-9]+/) && !match(text, /^(->|==)/))
				RLENGTH = 1
			piece = substr(text, 1, RLENGTH)
			text = substr(text, RLENGTH + 1)
			put(piece)
		}
	}
}

FNR == 1 {
	put("END")
	in_comment = in_directive = 0
}

{
	if (!in_directive && !in_comment && $0 ~ /^[ \t]*#/) {
		in_directive = 1
		is_define = $0 ~ /^[ \t]*#[ \t]*define/
	}
	if (!in_directive || is_define)
		read_line($0 ~ /\\$/ && in_directive ? substr($0, 1, length($0) - 1) : $0)
	if (in_directive && $0 !~ /\\$/) {
		in_directive = 0
		put("END")
	}
}

# --- what stands between brackets ------------------------------------------------------------------

function opens(text) { return text == "(" || text == "{" || text == "[" }
function closes(text) { return text == ")" || text == "}" || text == "]" }

# The bracket that closes the one at i.
function closing(i,    depth)
{
	for (; i <= n && token[i] != "END"; i++) {
		depth += opens(token[i]) - closes(token[i])
		if (depth == 0)
			return i
	}
	return i
}

# The arguments between the parentheses at i: argument k is from first[k] to last[k].
function split_arguments(i,    end, k)
{
	end = closing(i)
	split("", first)
	split("", last)
	first[k = 1] = i + 1
	for (i++; i < end; i++) {
		if (opens(token[i])) {
			i = closing(i)
		} else if (token[i] == ",") {
			last[k] = i - 1
			first[++k] = i + 1
		}
	}
	last[k] = end - 1
	return k
}

# The argument whose last word is `name`; 0 where there is none.
function parameter(count, name,    k)
{
	for (k = 1; k <= count; k++)
		if (token[last[k]] == name)
			return k
	return 0
}

# --- ways to refuse --------------------------------------------------------------------------------

# What a function that others cannot see is called here, and what all can see.
function key(i, name) { return (file[i], name) in reason_at ? file[i] SUBSEP name : "" SUBSEP name }

function is_call(i)
{
	return token[i + 1] == "(" && key(i, token[i]) in reason_at && token[i - 1] !~ /^\*$/ &&
	       (token[i - 1] !~ /^[A-Za-z_]/ || token[i - 1] ~ /^(return|else|do|END)$/)
}

function is_definition(i,    end)
{
	if (token[i + 1] != "(" || token[i] !~ /^[A-Za-z_]/)
		return 0
	if (token[i - 1] == "define")
		return 1
	return token[closing(i + 1) + 1] == "{" && token[i - 1] ~ /^([A-Za-z_].*|\*)$/ &&
	       token[i - 1] !~ /^(return|else|do)$/
}

function is_private(i)
{
	if (token[i - 1] == "define")
		return file[i] ~ /\.c$/
	for (i--; i > 0 && token[i] !~ /^([;}]|END)$/; i--)
		if (token[i] == "static")
			return 1
	return 0
}

function find_definitions(    i, count, at, name)
{
	for (i = 2; i <= n; i++) {
		if (!is_definition(i))
			continue
		count = split_arguments(i + 1)
		at = parameter(count, "reason")
		if (!at)
			continue
		name = (is_private(i) ? file[i] : "") SUBSEP token[i]
		reason_at[name] = at
		code_at[name] = parameter(count, "code")
	}
}

function codes(from, to,    i, found)
{
	for (i = from; i <= to; i++)
		if (token[i] ~ /^CODE_/)
			found = found (found ? " " : "") substr(token[i], 6)
	return found
}

# A definition passes `reason` on: the code beside it is that of all its calls.
function find_fixed_codes(    i, name, way, k)
{
	for (i = 2; i <= n; i++) {
		if (is_definition(i))
			name = (is_private(i) ? file[i] : "") SUBSEP token[i]
		if (!is_call(i) || !(name in reason_at) || code_at[name])
			continue
		way = key(i, token[i])
		split_arguments(i + 1)
		if (token[last[reason_at[way]]] != "reason")
			continue
		k = code_at[way]
		fixed[name] = k ? codes(first[k], last[k]) : fixed[way]
	}
}

# --- what they are called with ---------------------------------------------------------------------

function literal(i) { return token[i] ~ /^"[A-Z][A-Z0-9_]*"$/ }

function tell(i, code)
{
	if (code ~ /^[A-Z_]+$/)
		print code, substr(token[i], 2, length(token[i]) - 2)
	else
		complain(i, "the code of " token[i] " cannot be seen")
}

# Returns where the reason ends.
function look_at_call(i,    way, k, r, j, found, code)
{
	way = key(i, token[i])
	split_arguments(i + 1)
	k = code_at[way]
	r = reason_at[way]
	code = k ? codes(first[k], last[k]) : fixed[way]
	for (j = first[r]; j <= last[r]; j++)
		if (literal(j)) {
			tell(j, code)
			found = 1
		}
	if (!found && token[last[r]] != "reason")
		complain(i, "the reason of this " token[i] "() cannot be seen")
	return last[r]
}

# `reason =` with literals, and the code that the same initializer has.
function look_at_assignment(i,    j, k, code)
{
	for (j = i; j > 0 && !opens(token[j]) && token[j] !~ /^([;}]|END)$/; j--)
		;
	if (token[j] == "{")
		for (k = j + 1; k < closing(j); k++)
			if (token[k] == "code" && token[k + 1] == "=")
				code = codes(k + 2, k + 2)
	for (j = i + 2; j <= n && token[j] !~ /^[,;}]$/; j++)
		if (literal(j))
			tell(j, code)
}

END {
	put("END")
	find_definitions()
	find_fixed_codes()
	find_fixed_codes() # of those that pass on to those that were seen later
	for (i = 2; i <= n; i++) {
		if (is_call(i))
			i = look_at_call(i)
		else if (token[i] == "reason" && token[i + 1] == "=")
			look_at_assignment(i)
		else if (token[i] ~ /^CODE_/ && token[i + 1] == "," && literal(i + 2))
			tell(i + 2, substr(token[i], 6))
	}
}
