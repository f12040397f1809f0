#!/bin/sh
# Installs what the tests need beside Python: Chromium, Redis, PostgreSQL and gettext, from the distribution.
# Where it may not, it says what to install, and tests that need it are left out; with CI=true it fails.
set -u
# A user's PATH on Debian leaves out the folders that servers live in.
PATH="$PATH:/usr/sbin:/usr/local/sbin"

missing() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null || echo chromium
    command -v redis-server >/dev/null || echo redis-server
    command -v xgettext >/dev/null || echo gettext
    command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
}

# The tests start servers of their own, so the packages shall start none, now or at the next boot.
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/nestwork-tests.conf
made=""
forbid_services() {
    if [ ! -e "$policy" ]; then
        made="$made $policy"
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    made="$made $cluster"
    mkdir -p "${cluster%/*}" && echo "create_main_cluster = false" >"$cluster"
}
allow_services() {
    rm -f $made # several words on purpose
}

wanted=$(missing | xargs)
if [ -n "$wanted" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $wanted ..."
    trap allow_services EXIT
    trap 'exit 1' HUP INT TERM
    forbid_services
    export DEBIAN_FRONTEND=noninteractive
    # A failed update is not the end: the lists here may do. Another apt may be at work: wait for it.
    apt-get update -qq -o DPkg::Lock::Timeout=300
    for package in $wanted; do # one by one, so that a package that cannot be had costs only itself
        apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$package" >/dev/null
    done
    case " $wanted " in
    *" redis-server "*) ! command -v systemctl >/dev/null || systemctl --quiet disable redis-server ;;
    esac
fi

wanted=$(missing | xargs)
if [ -n "$wanted" ]; then
    echo "Not found: $wanted. Install them with the system's package manager to run every test." >&2
    [ "${CI:-}" != true ] || exit 1
fi
