package harness

/**
 * A container's own /tmp. Where the kernel lets a process have mounts of its own, they cover /tmp itself. Where not, as in
 * many containers that run tests, only TMPDIR names the container's own, which is what mktemp and Python go by.
 */
class PrivateTmp {

    /** Mounts of one's own: as root, and as anybody else. */
    private static final List<List<String>> WAYS =
        [['unshare', '--mount'], ['unshare', '--user', '--map-current-user', '--keep-caps', '--mount']]
    /** What lies below /tmp and is none of the container's, such as the workspace of a test, stays where it is. */
    private static final String COVER = '''set -e
        own=$1; shift
        until [ "$1" = -- ]; do
            if [ -d "$1" ]; then mkdir -p "$own/${1#/tmp/}"; else touch "$own/${1#/tmp/}"; fi
            mount --rbind "$1" "$own/${1#/tmp/}"
            shift
        done
        shift
        mount --rbind "$own" /tmp
        cd "$PWD"
        exec "$@"
    '''.stripIndent()
    /** The way that this machine allows; empty where it allows none. */
    private static List<String> way

    /** Whether /tmp itself can be covered here. */
    static boolean isLiteral() {
        !allowed().empty
    }

    /** The command so that it sees that folder as /tmp. */
    static List<String> around(List<String> command, File own, Collection<String> kept) {
        isLiteral() ? allowed() + ['/bin/sh', '-c', COVER, 'sh', own.path] + kept + ['--'] + command : command
    }

    /** What the container's own /tmp makes of a process' variables. */
    static Map<String, String> variables(File own) {
        isLiteral() ? [:] : [TMPDIR: own.path]
    }

    private static synchronized List<String> allowed() {
        if (way == null) {
            way = WAYS.find { works(it) } ?: []
        }
        return way
    }

    private static boolean works(List<String> way) {
        try {
            Process process = new ProcessBuilder(way + ['mount', '--rbind', '/dev', '/tmp']).redirectErrorStream(true).start()
            process.inputStream.text
            return process.waitFor() == 0
        } catch (IOException missing) {
            return false
        }
    }

}
