package mutation

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
 * Runs tests of the steps, one at a time, until one fails: a process of its own, which Mutants can end when a changed
 * step never does. Each line that it reads names the classes of a trial. It answers with a line after each test that
 * passed, and at last with what caught the change, or that it survived.
 */
class Trial {

    static final String SURVIVED = 'survived'
    static final String CAUGHT = 'caught by '

    private final Launcher launcher = LauncherFactory.create()
    /** The one that caught the last change comes first, as its neighbour is often caught by the same; then the quickest. */
    private final List<TestIdentifier> tests = []
    private final Map<TestIdentifier, Long> took = [:]

    private Trial() {
        TestPlan plan = launcher.discover(request(DiscoverySelectors.selectPackage('steps')))
        plan.roots.each { add(it, plan) }
    }

    static void main(String[] arguments) {
        PrintStream answers = System.out
        System.out = new PrintStream(OutputStream.nullOutputStream())
        Trial trial = new Trial()
        System.in.eachLine('UTF-8') { String line ->
            TestIdentifier failed = trial.firstFailure(line.split(',').toList()) { TestIdentifier passed ->
                answers.println("passed ${name(passed)}")
            }
            answers.println(failed ? CAUGHT + name(failed) : SURVIVED)
        }
    }

    private TestIdentifier firstFailure(List<String> classes, Closure passed) {
        TestIdentifier failing = tests.findAll { className(it) in classes }.find { TestIdentifier test ->
            boolean failed = fails(test)
            if (!failed) {
                passed(test)
            }
            return failed
        }
        if (failing) {
            tests.remove(failing)
            tests.add(0, failing)
        } else {
            tests.sort { took[it] }
        }
        return failing
    }

    private boolean fails(TestIdentifier test) {
        SummaryGeneratingListener listener = new SummaryGeneratingListener()
        launcher.execute(request(DiscoverySelectors.selectUniqueId(test.uniqueId)), listener)
        took[test] = listener.summary.timeFinished - listener.summary.timeStarted
        return listener.summary.totalFailureCount > 0
    }

    private void add(TestIdentifier found, TestPlan plan) {
        if (found.source.orElse(null) instanceof MethodSource) {
            tests.add(found)
        } else {
            plan.getChildren(found).each { add(it, plan) }
        }
    }

    private static LauncherDiscoveryRequest request(DiscoverySelector selector) {
        LauncherDiscoveryRequestBuilder.request().selectors(selector).build()
    }

    private static String name(TestIdentifier test) {
        "${className(test)}.${((MethodSource) test.source.get()).methodName}"
    }

    private static String className(TestIdentifier test) {
        ((MethodSource) test.source.get()).className.replaceFirst('.*[.]', '')
    }

}
