/*
 * Where a symbolic link leads, by what lies in a tree that nobody changes meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * Follows a path below a directory, link by link. 0 where it stays below, or leads to nothing;
 * LINK_LEAVES where a link on the way is absolute or goes up beyond the directory; or a negative
 * errno: -ELOOP for more links than the kernel follows, -ENAMETOOLONG.
 *
 * openat2(2) does the same, but not where RestrictSUIDSGID= is: its filter cannot see the mode in
 * there and has the call refused.
 */
#define LINK_LEAVES 1
int link_follow(int directory, const char *path);
