package mutation

import groovy.transform.CompileStatic
import org.junit.platform.engine.DiscoverySelector
import org.junit.platform.engine.discovery.DiscoverySelectors
import org.junit.platform.engine.support.descriptor.MethodSource
import org.junit.platform.launcher.Launcher
import org.junit.platform.launcher.LauncherDiscoveryRequest
import org.junit.platform.launcher.TestIdentifier
import org.junit.platform.launcher.TestPlan
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder
import org.junit.platform.launcher.core.LauncherFactory
import org.junit.platform.launcher.listeners.SummaryGeneratingListener

/**
 * Runs tests of a package, one at a time, until one fails: a process of its own, which Worker can end when a changed
 * program never does. Its first line names all tests. Each line that it reads names those of a trial, and it answers with
 * a line for each: the milliseconds that it took, or that it failed, which ends the trial.
 */
class Trial {

    static final String FAILED = 'failed'

    private final Launcher launcher = LauncherFactory.create()
    private final Map<String, String> ids = [:]
    private final PrintStream answers = System.out

    private Trial(String tests) {
        TestPlan plan = launcher.discover(request(DiscoverySelectors.selectPackage(tests)))
        plan.roots.each { add(it, plan) }
        answers.println(ids.keySet().join(','))
    }

    static void main(String[] arguments) {
        Trial trial = new Trial(arguments[0])
        System.in.eachLine('UTF-8') { String line -> trial.run(line.split(',').toList()) }
    }

    /** What a changed program leaves to its thread, or as the output, is not for the next trial. */
    private void run(List<String> tests) {
        System.out = new PrintStream(OutputStream.nullOutputStream())
        Thread thread = new Thread({ tests.find { fails(it) } } as Runnable)
        thread.contextClassLoader = new ClassesAnew()
        thread.start()
        thread.join()
    }

    private boolean fails(String test) {
        SummaryGeneratingListener listener = new SummaryGeneratingListener()
        launcher.execute(request(DiscoverySelectors.selectUniqueId(ids[test])), listener)
        boolean failed = listener.summary.totalFailureCount > 0
        answers.println(failed ? FAILED : listener.summary.timeFinished - listener.summary.timeStarted)
        return failed
    }

    private void add(TestIdentifier found, TestPlan plan) {
        MethodSource method = found.source.filter { it instanceof MethodSource }.orElse(null)
        if (method) {
            ids["${method.className}.${method.methodName}".toString()] = found.uniqueId
        } else {
            plan.getChildren(found).each { add(it, plan) }
        }
    }

    private static LauncherDiscoveryRequest request(DiscoverySelector selector) {
        LauncherDiscoveryRequestBuilder.request().selectors(selector).build()
    }

}

/** Loads the classes that are in folders, as those of the tests are, again; the libraries' classes stay. */
@CompileStatic
class ClassesAnew extends URLClassLoader {

    ClassesAnew() {
        super(folders(), Trial.classLoader)
    }

    @Override
    protected Class loadClass(String name, boolean resolve) {
        synchronized (getClassLoadingLock(name)) {
            findLoadedClass(name) ?: findResource(name.replace('.', '/') + '.class') ? findClass(name) : super.loadClass(name, resolve)
        }
    }

    private static URL[] folders() {
        String[] paths = System.getProperty('java.class.path').split(File.pathSeparator)
        paths.collect { String path -> new File(path) }.findAll { File file -> file.directory }*.toURI()*.toURL() as URL[]
    }

}
