package harness

import hudson.AbortException
import hudson.tasks.junit.TestResultSummary

import java.nio.file.FileSystems
import java.nio.file.Path
import java.nio.file.PathMatcher

/** The step `junit`, as far as a pipeline sees it: it counts, and marks the build: https://plugins.jenkins.io/junit/. */
class TestResults {

    private final Jenkins jenkins

    TestResults(Jenkins jenkins) {
        this.jenkins = jenkins
    }

    void define(Steps steps) {
        steps.define('junit', ['testResults', 'allowEmptyResults']) { Map given, frame -> publish(given) }
    }

    private TestResultSummary publish(Map given) {
        jenkins.program.branch.context.agentFor('junit')
        File folder = jenkins.program.branch.context.folder
        List<File> reports = found(folder, (String) given.testResults)
        jenkins.console.line('Recording test results')
        if (!reports && !given.allowEmptyResults) {
            throw new AbortException('No test report files were found. Configuration error?')
        }
        List cases = reports.collectMany { File report ->
            new XmlSlurper().parse(report).depthFirst().findAll { it.name() == 'testcase' }
        }
        int failed = cases.count { it.failure.size() || it.error.size() }
        int skipped = cases.count { it.skipped.size() }
        if (failed) {
            jenkins.build.setResult('UNSTABLE')
            jenkins.program.branch.step.warning = 'UNSTABLE'
        }
        return new TestResultSummary(totalCount: cases.size(), failCount: failed, skipCount: skipped,
            passCount: cases.size() - failed - skipped)
    }

    private static List<File> found(File folder, String patterns) {
        List<PathMatcher> wanted = patterns.split(/[,\s]+/).collect { FileSystems.default.getPathMatcher('glob:' + it) }
        List<File> reports = []
        folder.eachFileRecurse { File file ->
            Path path = folder.toPath().relativize(file.toPath())
            if (file.file && wanted.any { it.matches(path) }) {
                reports.add(file)
            }
        }
        return reports
    }

}
