package selftest

import harness.Agent
import harness.Jenkins
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.BeforeEach
import org.junit.jupiter.api.Timeout
import org.junit.jupiter.api.io.TempDir

/** What the tests of the rules share: a Jenkins whose agent's paths hold spaces. */
@Timeout(120L)
abstract class SelfTest {

    @TempDir
    public File folder
    Jenkins jenkins

    @BeforeEach
    void setUpJenkins() {
        jenkins = new Jenkins(agent: new Agent(new File(folder, 'a b')))
        jenkins.agent.environment = [PATH: System.getenv('PATH')]
    }

    @AfterEach
    void endProcesses() {
        jenkins.steps.endProcesses()
    }

    File getWorkspace() {
        new File(jenkins.agent.root, 'app')
    }

    /** What the pipeline said, without what Jenkins and the shell say by themselves. */
    List<String> lines(String pipeline) {
        jenkins.run(pipeline)
        jenkins.console.lines.findAll { !(it =~ /^(\[Pipeline\]|Running |\+ )/) }
    }

    /** What a pipeline that must fail, fails with. */
    Throwable failureOf(String pipeline) {
        setUpJenkins()
        jenkins.run(pipeline)
        assert jenkins.build.result == 'FAILURE' : jenkins.console
        return jenkins.failure
    }

}
