#!/usr/bin/env bash
# Policies as code: holds template.yaml and pipeline.yaml to the rules in infra/policies, then tries the rules
# themselves. Each has to fail on every template in policies/bad that is named after it, and none may pass because it
# found nothing to look at. An exception (`Metadata: Exceptions`, with its reason) that nothing needs any more is a fault as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

readonly VERSION=3.2.1
cache="${XDG_CACHE_HOME:-$HOME/.cache}/groundwork/tools"
guard="$cache/bin/cfn-guard"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if [[ "$("$guard" --version 2>/dev/null)" != "cfn-guard $VERSION" ]]; then
    # A tool that runs for a second is not worth optimising.
    CARGO_TARGET_DIR="$work/build" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        cargo install --quiet --locked --root "$cache" --version "$VERSION" cfn-guard
fi

faults=0
fault() {
    echo "infra: $*" >&2
    faults=$((faults + 1))
}

# judge TEMPLATE: "rule status" for every rule, sorted.
judge() {
    { "$guard" validate --rules policies --data "$1" --show-summary all || true; } 2>&1 |
        sed -nE 's|^[a-z]+\.guard/([a-z_]+) +(PASS\|FAIL\|SKIP)$|\1 \2|p' | sort
}

sed -nE 's/^rule ([a-z_]+).*/\1/p' policies/*.guard | sort >"$work/rules"
# hold TEMPLATE JUDGED: no rule may fail on it; what was judged stays in JUDGED.
hold() {
    judge "$1" >"$2"
    cut -d' ' -f1 "$2" | diff "$work/rules" - >/dev/null || fault "a rule was not tried: cfn-guard stops at a .guard file it cannot read"
    grep -q ' FAIL$' "$2" || return 0
    fault "$1 breaks $(sed -n 's/ FAIL$//p' "$2" | tr '\n' ' ')"
    "$guard" validate --rules policies --data "$1" --show-summary fail >&2 || true
}

hold ../template.yaml "$work/judged"
grep -q ' SKIP$' "$work/judged" && fault "nothing to look at for $(sed -n 's/ SKIP$//p' "$work/judged" | tr '\n' ' ')"
# What deploys has roles, and little else.
hold pipeline.yaml "$work/pipeline"
grep -q ' PASS$' "$work/pipeline" || fault "no rule found anything in infra/pipeline.yaml"

while read -r rule; do
    compgen -G "policies/bad/$rule*.yaml" >/dev/null || fault "policies/bad has no template that breaks $rule"
done <"$work/rules"
bad=0
for template in policies/bad/*.yaml; do
    name="$(basename "$template" .yaml)"
    judge "$template" | grep -qx "${name%%.*} FAIL" || fault "$template does not break ${name%%.*}"
    bad=$((bad + 1))
done

for template in ../template.yaml pipeline.yaml; do
    while IFS=: read -r line rule; do
        sed "${line}s/$rule/none/" "$template" >"$work/template.yaml"
        echo "exception: $(sed -n "${line}s/.*Exceptions: { \(.*\) }/\1/p" "$template")"
        judge "$work/template.yaml" | grep -qx "$rule FAIL" || fault "$template:$line: nothing needs the exception from $rule"
    done < <(sed -nE '/Exceptions:/{=;s/.*Exceptions: \{ ([a-z_]+):.*/\1/p}' "$template" | paste -d: - -)
done

((faults == 0)) || exit 1
echo "infra: template.yaml keeps $(wc -l <"$work/rules") rules, infra/pipeline.yaml $(grep -c ' PASS$' "$work/pipeline"), and they fail on $bad bad templates"
