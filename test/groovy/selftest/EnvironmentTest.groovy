package selftest

import org.junit.jupiter.api.Test

/** Variables: where they come from, and which of two with the same name holds. */
class EnvironmentTest extends SelfTest {

    @Test
    void a_process_has_the_variables_of_its_agent_jenkins_the_build_and_nothing_else() {
        jenkins.agent.environment += [FROM: 'agent', AGENTS: '1']
        jenkins.globalProperties = [FROM: 'administrator', JOB_NAME: 'mine']
        jenkins.build.number = 7
        List<String> said = lines('''node {
            sh 'echo "$AGENTS $FROM $JOB_NAME $BUILD_NUMBER $BUILD_URL $NODE_NAME"'
            stage('Check it') { sh 'echo "$STAGE_NAME"' }
            sh 'echo "${STAGE_NAME-none} ${HOME-none} ${USER-none} ${JAVA_HOME-none} ${MAVEN_CMD_LINE_ARGS-none}"'
        }''')
        assert said == ['1 administrator team/app 7 https://jenkins.example.com/job/team/job/app/7/ agent-1', 'Check it',
                        'none none none none none', 'Finished: SUCCESS']
    }

    @Test
    void a_build_has_jenkins_own_variables() {
        jenkins.build.number = 7
        assert lines("""echo currentBuild.absoluteUrl
            echo(['BUILD_ID', 'JOB_BASE_NAME', 'BUILD_TAG', 'CI', 'JENKINS_URL'].collect { env[it] }.join(' '))""") == [
            'https://jenkins.example.com/job/team/job/app/7/', '7 app jenkins-team-app-7 true https://jenkins.example.com/', 'Finished: SUCCESS',
        ]
    }

    @Test
    void without_an_address_of_its_own_jenkins_gives_none() {
        jenkins.build.rootUrl = null
        assert lines('''echo "${env.BUILD_URL} ${env.JENKINS_URL}"; echo currentBuild.absoluteUrl''')[0] == 'null null'
        assert jenkins.failure.message == 'Jenkins URL is not configured'
    }

    @Test
    void the_inner_withEnv_comes_over_the_outer_one_and_ends_with_its_block() {
        assert lines('''withEnv(['A=1', 'B=1']) {
            withEnv(['A=2']) { echo "${A} ${B}" }
            echo "${A} ${B}"
        }
        echo "${env.A}"''') == ['2 1', '1 1', 'null', 'Finished: SUCCESS']
    }

    @Test
    void what_withEnv_puts_before_a_variable_comes_before_it() {
        jenkins.agent.environment += [LIST: '/a']
        assert lines("node { withEnv(['LIST+X=/b', 'NEW+X=/c']) { echo \"\${env.LIST} \${env.NEW}\" } }")[0] == '/b:/a /c'
    }

    @Test
    void the_limit_of_a_variable_counts_bytes() {
        assert failureOf("withEnv(['K=' + 'é' * (64 * 1024)]) { }") instanceof IOException
    }

    @Test
    void an_assignment_to_env_reaches_processes() {
        assert lines("env.A = 'x'; node { sh 'echo \"in \$A\"' }")[0] == 'in x'
    }

    @Test
    void a_name_that_is_no_variable_fails() {
        assert failureOf('echo NO_SUCH_NAME') instanceof MissingPropertyException
    }

}
