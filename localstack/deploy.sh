#!/usr/bin/env bash
# Deploys template.yaml to an emulator of AWS on this machine: the real template through `sam deploy`, the real
# bootstraps as processes that speak the Runtime API. No account, no Docker.
#
#   localstack/deploy.sh [NAME=VALUE...]   deploys, or updates what runs, with these parameters of the template;
#                                          the last line is the API's address
#   localstack/deploy.sh --url             prints the address of what runs
#   localstack/deploy.sh --down            ends it; nothing is kept
#   localstack/deploy.sh --architecture    prints what Lambda calls this machine's
#   localstack/deploy.sh --sam             prints the path of the `sam` it deploys with, installed when it is missing
#
# It needs Rust, a C compiler, Python and, the first time, the package registries. GROUNDWORK_EMULATOR_PORT is where it
# answers (4577). What runs is kept in .groundwork/emulator of this clone, the Python packages in ~/.cache/groundwork.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

readonly STACK=groundwork
readonly STAGE=prod
venvs="${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/emulator"
state="$root/.groundwork/emulator"

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "deploy.sh: $*"
    exit 1
}

# step NAME COMMAND...: runs it and tells how long it took. No `if` around it: that would switch `set -e` off inside.
step() {
    local name="$1" start=$SECONDS
    shift
    "$@" >&2
    say "deploy.sh: $name in $((SECONDS - start)) s"
}

# --- what it needs ----------------------------------------------------------------------------------------------

needs() {
    command -v cargo >/dev/null || fail "cargo is missing: install Rust from https://rustup.rs"
    command -v cc >/dev/null || fail "a C compiler is missing: install build-essential, or what your system calls it"
    command -v strip >/dev/null || fail "strip is missing: install binutils"
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.11 or later"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "$(python3 --version) is too old: install Python 3.11 or later"
    python3 -c 'import ensurepip, venv' 2>/dev/null || fail "Python cannot make environments: install python3-venv"
    venv emulator
    venv sam
}

# An environment with exactly what its list names; made again when the list changes.
venv() {
    local folder="$venvs/$1" list="$root/localstack/requirements-$1.txt"
    if cmp -s "$list" "$folder/installed.txt" && "$folder/bin/python" -c ''; then return; fi
    say "deploy.sh: installing localstack/requirements-$1.txt into $folder"
    python3 -m venv --clear "$folder"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$list"
    cp "$list" "$folder/installed.txt"
}

# --- the functions ----------------------------------------------------------------------------------------------

# The dev profile, and the local cloud along with its functions: that is what `cargo run` builds, dependencies and all,
# so nothing but the few binaries is built for this. A profile of its own would compile three hundred crates again.
build() {
    local packages=(--package localstack --package access --package audit --package identity --package jobs --package ops --package outbox --package cli)
    cargo build --manifest-path "$root/Cargo.toml" "${packages[@]}"
    "$venvs/sam/bin/python" "$root/localstack/layout.py" "$root/template.yaml" "$(binaries)" "$state/build"
}

# Where Cargo leaves binaries: CARGO_TARGET_DIR, or what a configuration file says.
binaries() {
    cargo metadata --manifest-path "$root/Cargo.toml" --no-deps --format-version 1 |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"] + "/debug")'
}

architecture() {
    case "$(uname -m)" in
        aarch64 | arm64) echo arm64 ;;
        *) echo x86_64 ;;
    esac
}

# --- the emulator -----------------------------------------------------------------------------------------------

# Whether the process that was started here still runs, and is no other that got its number.
runs() {
    [[ -f "$state/pid" ]] || return 1
    local pid
    pid="$(<"$state/pid")"
    { cat "/proc/$pid/cmdline" 2>/dev/null || ps -o args= -p "$pid"; } | grep -qaF "$root/localstack/emulator.py"
}

start() {
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        fail "port $port is taken: stop what listens there, or set GROUNDWORK_EMULATOR_PORT to another"
    fi
    mkdir -p "$state/tmp"
    # A process group of its own: the functions' processes are in it, and end with it. An environment of its own: the
    # functions inherit it. AUTH holds each of them to its role.
    set -m
    env -i PATH=/usr/bin:/bin HOME="$state" TMPDIR="$state/tmp" STATE_DIR="$state/state" S3_DATA_DIR="$state/s3" \
        GATEWAY_PORT="$port" BIND_HOST=127.0.0.1 MINISTACK_HOST=127.0.0.1 AWS_ENDPOINT_URL="$endpoint" \
        IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 AUTH=true \
        "$venvs/emulator/bin/python" "$root/localstack/emulator.py" </dev/null >"$state/log" 2>&1 &
    local pid=$!
    set +m
    echo "$pid" >"$state/pid"
    echo "$port" >"$state/port"
    local tries=0
    until healthy; do
        runs || { tail -n 20 "$state/log" >&2; fail "the emulator ended before it was up"; }
        ((++tries < 600)) || { tail -n 20 "$state/log" >&2; fail "the emulator is not up after a minute"; }
        sleep 0.1
    done
}

healthy() {
    python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "$endpoint/_ministack/health" 2>/dev/null
}

# What was started here, and nothing else.
down() {
    if runs; then
        local pid
        pid="$(<"$state/pid")"
        kill -TERM -- "-$pid"
        local tries=0
        while kill -0 -- "-$pid" 2>/dev/null; do
            ((++tries < 100)) || kill -KILL -- "-$pid" 2>/dev/null || true
            sleep 0.1
        done
    fi
    rm -rf "$state"
}

# --- the stack --------------------------------------------------------------------------------------------------

# Whatever it is that speaks AWS: to the emulator, with credentials that are none. RUSTUP_DIST_SERVER, so that no tool
# of these fetches a toolchain.
aws_is_the_emulator() {
    export AWS_ENDPOINT_URL="$endpoint" AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1
    export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true
    export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null
    export SAM_CLI_TELEMETRY=0 SAM_CLI_POLL_DELAY=1 RUSTUP_DIST_SERVER=http://127.0.0.1:9
    unset AWS_PROFILE AWS_SESSION_TOKEN
}

# The tag keeps the API's id, and with it the address. Of a parameter that is named twice the last one counts; one that
# is not named any more keeps its value.
deploy() {
    local parameters=("Architecture=$(architecture)" "PublicUrl=$url" MailFrom=no-reply@example.com
        AllowedOrigins=http://localhost:3000 DeletionProtection=false RequireTls=false
        # Whoever tries the stack has one network: this machine's.
        RequestsPerMinute=60000 AttemptsPerMinute=0
        # Nor waits a minute until the log forgets who was erased.
        AuditErasureDelaySeconds=0
        # So few that an emulator can be asked for more.
        AuthRateLimit=20 AuthBurstLimit=40 "Release=$(release "$@")"
        "$@" "Stage=$STAGE")
    cd "$state/build"
    "$venvs/sam/bin/sam" deploy --template-file template.yaml --stack-name "$STACK" --region us-east-1 --resolve-s3 \
        --capabilities CAPABILITY_IAM --no-confirm-changeset --no-fail-on-empty-changeset --no-progressbar \
        --tags "ms-custom-id=$STACK" --parameter-overrides "${parameters[@]}"
    cd "$root"
}

# Changes with the functions and with the parameters named: a version of a function is published for either.
release() {
    { cat "$state"/build/*/bootstrap; printf '%s\n' "$@"; } | cksum | cut -d ' ' -f 1
}

first_steps() {
    "$venvs/emulator/bin/python" "$root/localstack/first_steps.py" "$(binaries)/groundwork" "$state/operator.json"
}

# What a first deployment leaves behind when it fails would only stand in the way of the next.
clean_up() {
    local code=$?
    ((code == 0)) && return
    if [[ "$fresh" == yes && -f "$state/log" ]]; then
        cp "$state/log" "$root/.groundwork/emulator.log"
        down
        say "deploy.sh: failed; the emulator is stopped, its log is .groundwork/emulator.log"
    fi
}

up() {
    local parameter
    for parameter in "$@"; do
        [[ "$parameter" == [A-Za-z]*=* ]] || fail "$parameter is no NAME=VALUE"
    done
    fresh=no
    trap clean_up EXIT
    step "what it needs" needs
    mkdir -p "$state"
    step build build
    local built=$SECONDS
    aws_is_the_emulator
    if ! runs; then
        fresh=yes
        step "the emulator is up" start
    fi
    step deployed deploy "$@"
    [[ -s "$state/operator.json" ]] || step "first operator" first_steps
    say "deploy.sh: up $((SECONDS - built)) s after the build"
    say "deploy.sh: the operator is in $state/operator.json, mails are at $endpoint/_ministack/ses/messages"
    echo "$url"
}

port="${GROUNDWORK_EMULATOR_PORT:-4577}"
if runs; then port="$(<"$state/port")"; fi
endpoint="http://127.0.0.1:$port"
# Known before there is an API: tokens and mails name it.
url="$endpoint/restapis/$STACK/$STAGE/_user_request_"

case "${1:-}" in
    "" | [A-Za-z]*=*) up "$@" ;;
    --url) runs || fail "nothing runs: localstack/deploy.sh deploys"; echo "$url" ;;
    --down) down ;;
    --architecture) architecture ;;
    --sam) step "what it needs" needs; echo "$venvs/sam/bin/sam" ;;
    *) fail "unknown option $1 (there are NAME=VALUE, --url, --down, --architecture and --sam)" ;;
esac
