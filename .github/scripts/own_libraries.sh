#!/bin/sh
# A script that runs a program of another system's tree on that tree's own libraries: own_libraries.sh TREE PROGRAM
#
# PROGRAM is its path in the tree. What is printed keeps the process's id (`exec`), so a signal to it reaches the program.
set -eu
tree=$1 program=$2

find_in() { # the first that matches; tar may have kept links that lead out of the tree
    find "$tree/lib" "$tree/lib64" "$tree/usr/lib" "$tree/usr/lib64" "$@" 2>/dev/null | head -n 1
}

loader=$(find_in -type f -name 'ld-linux-*.so.*')
libraries=$(dirname "$(find_in -type f -name 'libc.so.6')")
cat <<END
#!/bin/sh
exec "$loader" --library-path "$libraries:$tree/usr/local/lib" "$tree$program" "\$@"
END
