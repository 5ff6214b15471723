# tap.sh -- TAP for the scripts in this folder, which read it with ".".

number=0
failed=0

# check NAME COMMAND...: ok if the command succeeds; else its output is shown.
check() {
    name=$1
    shift
    number=$((number + 1))
    if output=$("$@" 2>&1); then
        echo "ok $number - $name"
    else
        echo "not ok $number - $name"
        printf '%s\n' "$output" | sed 's/^/# /'
        failed=1
    fi
}

skip() { # NAME REASON
    number=$((number + 1))
    echo "ok $number - $1 # SKIP $2"
}

# refuses MESSAGE COMMAND...: succeeds if the command fails and says something that matches MESSAGE.
refuses() {
    message=$1
    shift
    if said=$("$@" 2>&1); then
        echo "this should have failed: $*"
        return 1
    fi
    printf '%s\n' "$said"
    printf '%s\n' "$said" | grep -qE "$message"
}

done_checking() {
    echo "1..$number"
    exit $failed
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

strict='-Wall -Wextra -Wpedantic -Wconversion -Wundef -Wshadow -Werror'
