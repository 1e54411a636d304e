#!/usr/bin/env bash
# Takes every grant that the migrations make to a role of Wardlog away, one at a time, and expects a test to fail. A grant
# that no test misses is more than its role works with, or something that no test asks of the role: exit 1.
#
# The grants are read from the catalogue of a migrated database, so that a new one need not be listed anywhere: on
# schemas, tables, views, sequences, columns and functions, and that a role may log in. The tests copy their databases
# from a template, which is made by the migrations and then lacks what WARDLOG_TEST_REVOKE takes away
# (services/database/src/scratch.rs): nothing is compiled for a grant. What a function such as log.make_directory grants
# is taken from the generation that is shown.
#
# A test has missed a grant when it fails among the others and then again alone; and whatever has, passes with all grants.
#
# LOGIN is the whole server's and not a database's, so it is given back before the next grant is taken. Not taken are
# memberships, which only the login that migrates has (here a superuser, which needs none), and what PostgreSQL itself
# lets PUBLIC do, which no migration grants.
# Usage: scripts/grants.sh [WORD]   (only the grants with WORD in their line, such as wardlog_gateway; default: all)
set -euo pipefail
cd "$(dirname "$0")/.."
export SQLX_OFFLINE=true RUST_BACKTRACE=0
server=${WARDLOG_TEST_DATABASE_URL:?run: make grants}

# Where a grant to a role is missed soonest: test binaries, as package/target, in the order in which they are tried.
declare -A order=(
    [wardlog_directory]="database/pool wardlog/stories directory/stories eventlog/log"
    [wardlog_filtering]="filtering/door wardlog/stories directory/stories eventlog/eventlog eventlog/log"
    [wardlog_projections]="filtering/door wardlog/stories directory/stories eventlog/log"
    [wardlog_projections on log]="eventlog/log filtering/door directory/stories wardlog/stories"
    [wardlog_projections on directory]="directory/stories filtering/door wardlog/stories eventlog/log"
    [wardlog_reviewers]="database/pool wardlog/stories directory/stories"
    [wardlog_gateway]="access/tenant database/pool wardlog/stories directory/stories"
    [wardlog_rounding]="wardlog/stories filtering/door directory/stories"
    [another role]="wardlog/stories filtering/door directory/stories eventlog/log"
)
# These have a server of their own, which lacks nothing; the last asks for whatever the gateway was granted, needed or not.
never=(--skip kill:: --skip demo::the_demo_counts --skip tenancy::row_level_security_alone)

sql() { psql --no-psqlrc --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1 "$server" "$@"; }

grants="WITH role AS (SELECT oid, rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'wardlog\_%' AND rolname <> 'wardlog_owner'),
ours AS (SELECT * FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'),
granted (kind, of, label, columns, acl) AS (
    SELECT 'SCHEMA', format('%I', nspname), 'schema ' || nspname, '', nspacl FROM ours
    UNION ALL
    SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, format('%I.%I', nspname, relname), format('%I.%I', nspname, relname), '', relacl
    FROM pg_class c JOIN ours ON ours.oid = relnamespace
    UNION ALL
    SELECT 'TABLE', format('%I.%I', nspname, relname), format('%I.%I.%I', nspname, relname, attname), format(' (%I)', attname), attacl
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN ours ON ours.oid = relnamespace
    UNION ALL
    SELECT 'ROUTINE', format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)), format('%I.%I', nspname, proname), '', proacl
    FROM pg_proc p JOIN ours ON ours.oid = pronamespace
)
SELECT rolname, format('%s on %s from %s', privilege_type, label, rolname),
       format('REVOKE %s%s ON %s %s FROM %I', privilege_type, columns, kind, of, rolname)
FROM granted CROSS JOIN LATERAL aclexplode(acl) a JOIN role ON role.oid = a.grantee AND a.grantee <> a.grantor
UNION ALL
SELECT rolname, 'LOGIN from ' || rolname, format('ALTER ROLE %I NOLOGIN', rolname) FROM role WHERE rolcanlogin"

declare -A binary=()
while read -r target path; do
    binary[$target]=$path
done < <(cargo test --locked --workspace --no-run --message-format=json |
    sed -nE 's|.*"package_id":"[^"]*/services/([a-z]+)#.*"kind":\["(lib\|test)"\].*"name":"([a-z_]+)","src_path".*"executable":"([^"]+)".*|\1/\3 \4|p')
for target in $(printf '%s ' "${order[@]}"); do
    [ -n "${binary[$target]:-}" ] || { echo "there are no tests $target" >&2 && exit 1; }
done

# The first test that fails in a binary; the others are stopped then.
first_failure() { # package/target, arguments of the binary…
    local line failed='' output running status=0
    exec {output}< <(cd "services/${1%/*}" && exec timeout --signal=KILL 300 "${binary[$1]}" "${@:2}" 2>&1)
    running=$!
    while read -r -u "$output" line; do
        if [[ $line =~ ^test\ (.*)\ \.\.\.\ FAILED$ ]]; then
            failed=${BASH_REMATCH[1]}
            break
        fi
    done
    # A test that serves takes SIGTERM for a wish to stop in an orderly way, and would wait to be read for ever.
    [ -z "$failed" ] || kill -KILL -- "-$running" 2>/dev/null || true
    wait "$running" || status=$?
    if [ -z "$failed" ] && [ $status -eq 137 ]; then
        echo "$* stood still for 300 s; what its connections did:" >&2
        sql --command="SELECT pid, datname, usename, state, wait_event_type, wait_event, now() - state_change, left(query, 100) FROM pg_stat_activity WHERE backend_type = 'client backend'" >&2
    fi
    exec {output}<&-
    printf '%s' "$failed"
}

# Whether a test gives this result when it is run alone.
alone() { # package/target, test, result
    local output
    output=$(cd "services/${1%/*}" && timeout --signal=KILL 300 "${binary[$1]}" --exact "$2" 2>&1) || true
    grep -q "^test result: $3" <<<"$output"
}

# The test among these that misses what WARDLOG_TEST_REVOKE takes away, as "package/target test".
missed_in() { # package/target, arguments that choose its tests…
    local target=$1 test
    shift
    while test=$(first_failure "$target" "$@") && [ -n "$test" ]; do
        if alone "$target" "$test" "FAILED. 0 passed; 1 failed"; then
            printf '%s %s' "$target" "$test"
            return
        fi
        set -- "$@" --skip "$test"
    done
    return 1
}

# The test of any that does, those first that have missed another grant to the same role.
missed_by() { # role, schema
    local target found targets=${order[$1 on $2]:-${order[$1]:-${order[another role]}}}
    for target in $targets; do
        mapfile -t found < <(printf '%s\n' "${!missing[@]}" | sed -n "s|^$1 $target ||p")
        [ ${#found[@]} -gt 0 ] && missed_in "$target" --exact "${found[@]}" && return
    done
    for target in $targets; do
        missed_in "$target" "${never[@]}" && return
    done
    return 1
}

# Ends what a stopped test's backends still do or wait for, drops what the tests have left, gives LOGIN back.
clean() {
    sql <<'END'
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() \g /dev/null
SELECT format('ALTER DATABASE %I IS_TEMPLATE false', datname) FROM pg_database WHERE datname LIKE 'wardlog\_template\_%' \gexec
SELECT format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database WHERE datname ~ '^(scratch|wardlog_template)_' \gexec
END
    sql --command="$login"
}

# Nothing here outlives the server.
sql --command="ALTER SYSTEM SET fsync = off" --command="SELECT pg_reload_conf()" >/dev/null
login=$(sql --command="SELECT string_agg(format('ALTER ROLE %I LOGIN', rolname), '; ') FROM pg_roles WHERE rolname LIKE 'wardlog\_%' AND rolcanlogin")
all=$(sql --command="SELECT count(*) FROM ($grants) g")
mapfile -t wanted < <(sql --field-separator=$'\t' --command="SELECT * FROM ($grants) g (role, label, revoke) WHERE strpos(label, '${1:-}') > 0 ORDER BY 1, 2")
total=${#wanted[@]} done=0 unmissed=()
declare -A missing=() # the tests that have missed a grant
for grant in "${wanted[@]}"; do
    IFS=$'\t' read -r role label revoke <<<"$grant"
    done=$((done + 1))
    left=$(sql --command="BEGIN" --command="$revoke" --command="SELECT count(*) FROM ($grants) g")
    [ "$left" = $((all - 1)) ] || { echo "'$revoke' takes $((all - left)) grants, not one" >&2 && exit 1; }
    export WARDLOG_TEST_REVOKE=$revoke
    schema=${label#* on } schema=${schema#schema } schema=${schema%%[._ ]*}
    test=$(missed_by "$role" "$schema") || test=''
    clean
    if [ -n "$test" ]; then
        missing["$role $test"]=1
        printf '[%3d/%d] %-75s breaks %s\n' "$done" "$total" "$label" "${test#*/}"
    else
        unmissed+=("$label")
        printf '[%3d/%d] %-75s NOT MISSED\n' "$done" "$total" "$label"
    fi
done
unset WARDLOG_TEST_REVOKE
mapfile -t tests < <(printf '%s\n' "${!missing[@]}" | cut --delimiter=' ' --fields=2,3 | sort --unique)
for test in "${tests[@]}"; do
    read -r target name <<<"$test"
    alone "$target" "$name" "ok. 1 passed" || { echo "$name fails with all grants too" >&2 && exit 1; }
done
if [ ${#unmissed[@]} -gt 0 ]; then
    printf '%s of %s grants can be taken away without a test failing:\n' "${#unmissed[@]}" "$total" >&2
    printf '    %s\n' "${unmissed[@]}" >&2
    exit 1
fi
echo "all $total grants are needed, by ${#tests[@]} tests"
