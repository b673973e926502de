# Runs outside the new tree, in namespaces of its own: makes the tree from the archive on standard input, runs its instructions,
# and archives it to standard output.
# Arguments: mount point, source date epoch.
set -eu
umask 022
root=$1
epoch=$2

# Memory: fast, gone when this ends in whatever way, and with the same order of names everywhere.
mount -t tmpfs -o mode=0755,size=100%,nr_inodes=0 piccolo-tree "$root"
cd "$root"
tar --extract --preserve-permissions --same-owner --numeric-owner --delay-directory-restore --warning=no-timestamp \
    --xattrs --xattrs-include='*' --file=-

mkdir -p dev proc run sys tmp
mount -t proc -o nosuid,nodev,noexec piccolo-proc proc
# What is below belongs to this machine's kernel, not to the namespaces.
for path in proc/sys proc/sysrq-trigger; do
    [ -e "$path" ] || continue
    mount --bind "$path" "$path"
    mount -o remount,bind,ro,nosuid,nodev,noexec "$path"
done
mount -t tmpfs -o mode=0755,nosuid,size=16m piccolo-dev dev
for device in full null random tty urandom zero; do
    : >"dev/$device"
    mount --bind "/dev/$device" "dev/$device"
done
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mkdir -m 1777 dev/shm
mount -t tmpfs -o mode=0755,nosuid,nodev piccolo-run run
mount -t tmpfs -o mode=1777,nosuid,nodev piccolo-tmp tmp
mkdir -m 1777 run/lock
hostname localhost

# The tree becomes the root directory of its scripts, without a way back and without the rights that reach beyond it: what is
# installed by root has no more of them than what is installed by an ordinary user.
inside() {
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC \
        DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true DEBCONF_NOWARNINGS=yes \
        SYSTEMD_OFFLINE=1 SOURCE_DATE_EPOCH="$epoch" \
        unshare --mount -- /bin/sh -euc "$enter" piccolo-enter "$1" </dev/null >&2
}
# shellcheck disable=SC2016 # Expanded by the inner shell.
enter='
    mkdir -p .piccolo/outside
    pivot_root . .piccolo/outside
    cd /
    # The tree may have no umount of its own.
    chroot /.piccolo/outside umount -l /
    exec setpriv --bounding-set=-all,+chown,+dac_override,+dac_read_search,+fowner,+fsetid,+kill,+setgid,+setuid,+setfcap,+sys_chroot \
        --inh-caps=-all "$1"
'
inside /.piccolo/run
inside /.piccolo/clean

umount --lazy --recursive dev proc run tmp
rm -rf .piccolo
# Names are sorted by byte, whatever the caller's language.
LC_ALL=C tar --create --format=pax --pax-option='exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime' --sort=name \
    --numeric-owner --mtime="@$epoch" --clamp-mtime --xattrs --xattrs-include='*' --file=- .
