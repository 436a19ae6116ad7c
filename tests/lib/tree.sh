# SPDX-License-Identifier: Apache-2.0
#
# The working tree and what building it needs, for bash scripts. With git, the tree is what git
# knows and what it does not ignore, as it is now, committed or not; without, all that is there.
# shellcheck shell=bash

tree_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
tree_cache=${INDEXERD_BOX_CACHE:-/var/cache/indexerd-box}

# The tree is a repository's own; an unpacked tarball that lies in somebody else's is none.
tree_has_git() {
	[[ $(git -C "$tree_top" rev-parse --show-toplevel 2>/dev/null) == "$tree_top" ]]
}

# The tree's files, each ended by NUL.
tree_files() {
	local file
	if tree_has_git; then
		git -C "$tree_top" ls-files -z --cached --others --exclude-standard | sort -zu |
			while IFS= read -r -d '' file; do
				[[ ! -e $tree_top/$file && ! -L $tree_top/$file ]] || printf '%s\0' "$file"
			done
	else
		(cd "$tree_top" && find . -type f -print0 | sort -z)
	fi
}

tree_copy() {
	mkdir -p "$1"
	tree_files | tar -C "$tree_top" --null --files-from=- -cf - | tar -C "$1" -xf - --no-same-owner
}

# A name for the tree's present content.
tree_hash() {
	local hash
	hash=$(cd "$tree_top" && tree_files | xargs -0 sha256sum | sha256sum)
	printf '%s\n' "${hash:0:16}"
}

# need_packages PACKAGE...: installs from Debian those that are missing.
need_packages() {
	local package
	local -a missing=()
	for package; do
		[[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] ||
			missing+=("$package")
	done
	((${#missing[@]})) || return 0
	echo "installing: ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get -qq update >&2 &&
		apt-get -qq -y -o Dpkg::Use-Pty=0 install --no-install-recommends "${missing[@]}" >&2
}

# What is needed to build the package: the tools, and Build-Depends.
need_build() {
	local -a depends
	mapfile -t depends < <(sed -n '/^Build-Depends:/,/^[^ ]*:/p' "$tree_top/debian/control" |
		sed -E '/^Standards-Version/d; s/^Build-Depends://; s/\([^)]*\)|<[^>]*>//g' | tr -d ' ' |
		tr ',' '\n' | sed -E 's/^debhelper-compat$/debhelper/; /^$/d' |
		sed 's/^dh-sequence-installsysusers$/debhelper/')
	need_packages build-essential dpkg-dev "${depends[@]}"
}

# What is needed for boxes.
need_box() { need_packages systemd-container mmdebstrap util-linux procps; }

# Node and npm: those that are there, or Debian's.
need_node() {
	command -v node >/dev/null || need_packages nodejs
	command -v npm >/dev/null || need_packages npm
}
