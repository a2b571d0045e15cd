package selftest

import harness.Build
import org.junit.jupiter.api.Test

/** Declarative pipelines, as the plugin runs them. */
class DeclarativeTest extends SelfTest {

    private static final List<String> CONDITIONS = ['cleanup', 'notBuilt', 'failure', 'unstable', 'unsuccessful', 'success', 'aborted',
                                                    'regression', 'fixed', 'changed', 'always']

    /** The post conditions that run after that work, in their order. */
    List<String> conditions(String work, String before = null) {
        setUpJenkins()
        jenkins.build.previousBuild = before ? new Build(result: before) : null
        jenkins.run("""pipeline {
            agent any
            stages { stage('One') { steps { ${work} } } }
            post { ${CONDITIONS.collect { "${it} { echo 'post ${it}' }" }.join('\n')} }
        }""")
        jenkins.console.lines.findAll { it.startsWith('post ') }*.substring(5)
    }

    @Test
    void post_conditions_run_by_the_result_and_in_the_plugins_order() {
        assert conditions('echo "fine"') == ['always', 'changed', 'success', 'cleanup']
        assert conditions('unstable "u"') == ['always', 'changed', 'unsuccessful', 'unstable', 'cleanup']
        assert conditions('error "e"') == ['always', 'changed', 'unsuccessful', 'failure', 'cleanup']
        assert conditions('script { currentBuild.result = "NOT_BUILT" }') == ['always', 'changed', 'unsuccessful', 'notBuilt', 'cleanup']
        assert conditions('script { throw new org.jenkinsci.plugins.workflow.steps.FlowInterruptedException("a") }') ==
            ['always', 'changed', 'aborted', 'unsuccessful', 'cleanup']
    }

    @Test
    void post_conditions_compare_with_the_build_before() {
        assert conditions('echo "fine"', 'SUCCESS') == ['always', 'success', 'cleanup']
        assert conditions('echo "fine"', 'FAILURE') == ['always', 'changed', 'fixed', 'success', 'cleanup']
        assert conditions('echo "fine"', 'UNSTABLE') == ['always', 'changed', 'fixed', 'success', 'cleanup']
        assert conditions('echo "fine"', 'ABORTED') == ['always', 'changed', 'success', 'cleanup']
        assert conditions('error "e"', 'SUCCESS') == ['always', 'changed', 'regression', 'unsuccessful', 'failure', 'cleanup']
        assert conditions('error "e"', 'UNSTABLE') == ['always', 'changed', 'regression', 'unsuccessful', 'failure', 'cleanup']
        assert conditions('unstable "u"', 'FAILURE') == ['always', 'changed', 'unsuccessful', 'unstable', 'cleanup']
        assert conditions('error "e"', 'FAILURE') == ['always', 'unsuccessful', 'failure', 'cleanup']
    }

    @Test
    void a_post_condition_that_fails_does_not_stop_the_others_and_fails_the_build() {
        assert lines('''pipeline { agent any; stages { stage('One') { steps { echo 'one' } } }
            post { always { error 'no' }; failure { echo "now ${currentBuild.result}" }; cleanup { echo 'cleanup' } } }''') ==
            ['one', 'Error when executing always post condition:', 'ERROR: no', 'now FAILURE', 'cleanup', 'ERROR: no', 'Finished: FAILURE']
    }

    @Test
    void the_first_failure_is_the_builds() {
        assert lines('''pipeline { agent any; stages { stage('One') { steps { error 'first' }; post { always { error 'second' } } } }
            post { always { error 'third' } } }''').findAll { it.startsWith('ERROR') } == ['ERROR: second', 'ERROR: third', 'ERROR: first']
    }

    @Test
    void a_failure_stays_one_where_post_has_nothing_for_it() {
        assert lines("pipeline { agent any; stages { stage('One') { steps { error 'e' } } }; post { success { echo 'post' } } }") ==
            ['ERROR: e', 'Finished: FAILURE']
    }

    @Test
    void while_post_runs_the_result_is_known_and_before_it_is_not() {
        assert lines('''pipeline { agent any; stages { stage('One') {
                steps { echo "steps: ${currentBuild.result} ${currentBuild.currentResult}" }
                post { success { echo "stage: ${currentBuild.result}" } }
            } }
            post { always { echo "post: ${currentBuild.result}" } } }''') ==
            ['steps: null SUCCESS', 'stage: SUCCESS', 'post: SUCCESS', 'Finished: SUCCESS']
    }

    @Test
    void a_failure_ends_its_stage_and_skips_the_later_ones_and_post_has_the_agent() {
        assert lines('''pipeline { agent any; stages {
                stage('One') { steps { error 'no' }; post { failure { sh 'echo "stage post"' } } }
                stage('Two') { steps { echo 'two' } }
            }
            post { always { sh 'echo "pipeline post"' } } }''') ==
            ['stage post', 'Stage "Two" skipped due to earlier failure(s)', 'pipeline post', 'ERROR: no', 'Finished: FAILURE']
    }

    @Test
    void post_runs_without_the_agent_where_that_could_not_be_had() {
        assert lines('''pipeline { agent { kubernetes { yaml error('no pod') } }; stages { stage('One') { steps { echo 'one' } } }
            post { always { echo "post: ${env.NODE_NAME}" } } }''') == ['post: null', 'ERROR: no pod', 'Finished: FAILURE']
    }

    @Test
    void a_pipeline_has_agents_environments_conditions_and_parallel_stages() {
        List<String> lines = lines('''
            def before = 'kept'
            pipeline {
                agent none
                environment { WHERE = 'pipeline' }
                stages {
                    stage('Here') {
                        agent any
                        environment { WHERE = "${before} stage" }
                        steps { script { before = 'changed' }; sh 'echo "in $WHERE"' }
                        post { always { sh 'echo "post in $WHERE"' } }
                    }
                    stage('Not here') { when { beforeAgent true; expression { false } }; agent any; steps { echo 'skipped?' } }
                    stage('Beside') { parallel {
                        stage('Left') { steps { echo "left ${before} ${env.WHERE}" } }
                        stage('Right') { steps { echo 'right' } }
                    }
                    post { always { echo 'after both' } } }
                }
            }''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert lines == ['in kept stage', 'post in kept stage', 'Stage "Not here" skipped due to when conditional', 'left changed pipeline',
                         'right', 'after both', 'Finished: SUCCESS']
        assert jenkins.calls.count { it.step == 'node' } == 1
    }

    @Test
    void the_cells_of_a_matrix_run_beside_each_other_each_on_its_agent_with_its_variables() {
        jenkins.run('''pipeline {
            agent none
            stages { stage('All') {
                matrix {
                    axes {
                        axis { name 'OS'; values 'linux', 'mac' }
                        axis { name 'DB'; values 'bq', 'pg', 'my' }
                    }
                    excludes {
                        exclude { axis { name 'OS'; values 'mac' }; axis { name 'DB'; notValues 'bq' } }
                        exclude { axis { name 'DB'; values 'my' } }
                    }
                    agent any
                    environment { BOTH = "${OS}-${DB}" }
                    when { expression { env.BOTH != 'x' } }
                    stages {
                        stage('First') { steps { sh 'touch ../started-$BOTH; set -- ../started-*; until [ $# = 3 ]; do sleep 0.01; set -- ../started-*; done' } }
                        stage('Second') { steps { sh 'echo "cell $BOTH ${WORKSPACE##*/}"' } }
                    }
                    post { always { echo "post ${BOTH}" } }
                }
                post { always { echo 'all' } }
            } }
        }''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        List<String> lines = jenkins.console.lines
        assert lines.findAll { it.startsWith('[Pipeline] { (Branch: ') } == [
            "[Pipeline] { (Branch: Matrix - OS = 'linux', DB = 'bq')", "[Pipeline] { (Branch: Matrix - OS = 'mac', DB = 'bq')",
            "[Pipeline] { (Branch: Matrix - OS = 'linux', DB = 'pg')",
        ]
        assert lines.findAll { it.startsWith('cell ') }*.tokenize(' ')*.get(1) as Set == ['linux-bq', 'mac-bq', 'linux-pg'] as Set
        assert lines.findAll { it.startsWith('cell ') }*.tokenize(' ')*.get(2) as Set == ['app', 'app@2', 'app@3'] as Set
        assert lines.findAll { it =~ '^(post|all)' }.last() == 'all'
        assert lines.count { it.startsWith('post ') } == 3
    }

    @Test
    void a_cell_that_fails_fails_the_build_and_the_others_end() {
        jenkins.run('''pipeline { agent any; stages { stage('All') {
            matrix {
                axes { axis { name 'N'; values '1', '2' } }
                stages { stage('Work') { steps { sh '[ "$N" = 2 ] && echo "ended $N" || { echo "failed $N"; exit 1; }' } } }
            } } } }''')
        assert jenkins.build.result == 'FAILURE'
        assert ['failed 1', 'ended 2'].every { it in jenkins.console.lines }
    }

    @Test
    void options_wrap_the_stages_and_post() {
        assert lines('''pipeline { agent any; options { retry(2); timeout(time: 1, unit: 'HOURS') }
            stages { stage('One') { steps { script { echo 'try'; if (!fileExists('again')) { writeFile file: 'again', text: ''; error 'e' } } } } }
            post { always { echo "post ${currentBuild.result}" } } }''') ==
            ['try', 'post FAILURE', 'ERROR: e', 'Retrying', 'try', 'post SUCCESS', 'Finished: SUCCESS']
        assert jenkins.calls.find { it.step == 'timeout' }.given == [time: 1, unit: 'HOURS']
        assert jenkins.calls*.step.take(4) == ['pipeline', 'node', 'retry', 'timeout']
    }

    @Test
    void an_unstable_build_skips_its_later_stages_where_an_option_says_so() {
        String stages = "stages { stage('One') { steps { unstable 'shaky' } }; stage('Two') { steps { echo 'two' } } }"
        assert 'two' in lines("pipeline { agent any; ${stages} }")
        setUpJenkins()
        List<String> told = lines("pipeline { agent any; options { skipStagesAfterUnstable() }; ${stages} }")
        assert 'Stage "Two" skipped due to the build being unstable' in told
        assert !('two' in told)
        assert jenkins.build.result == 'UNSTABLE'
    }

    @Test
    void parallel_stages_fail_fast_where_the_stage_or_an_option_says_so() {
        String stages = "parallel { stage('a') { steps { echo 'a' } }; stage('b') { steps { echo 'b' } } }"
        ["stages { stage('P') { ${stages} } }": null, "stages { stage('P') { failFast true; ${stages} } }": true,
         "options { parallelsAlwaysFailFast() }; stages { stage('P') { ${stages} } }": true].each { body, Boolean failFast ->
            setUpJenkins()
            jenkins.run("pipeline { agent none; ${body} }")
            assert jenkins.build.result == 'SUCCESS' : jenkins.console
            assert jenkins.calls.find { it.step == 'parallel' }.given.failFast == failFast
        }
    }

    @Test
    void an_option_that_is_no_step_wraps_nothing() {
        jenkins.run('pipeline { agent any; options { disableConcurrentBuilds(); timestamps() }; stages { stage("One") { steps { echo "one" } } } }')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.calls*.step.intersect(['disableConcurrentBuilds', 'timestamps']) == ['timestamps']
    }

    @Test
    void a_stages_options_wrap_that_stage_only() {
        assert lines('''pipeline { agent any; stages {
            stage('One') { options { retry(2) }; steps { sh '[ -e tried ] || { touch tried; exit 1; }' } }
            stage('Two') { steps { echo 'two' } }
        } }''') == ['ERROR: script returned exit code 1', 'Retrying', 'two', 'Finished: SUCCESS']
        assert jenkins.calls*.step == ['pipeline', 'node', 'stage', 'retry', 'sh', 'sh', 'stage', 'echo']
        assert jenkins.calls.findAll { it.step == 'stage' }*.given == [[name: 'One'], [name: 'Two']]
    }

    @Test
    void a_pod_is_had_again_only_where_more_than_one_try_is_asked_for_and_only_if_it_was_lost() {
        [1: [], 2: [2]].each { int retries, List<Integer> counts ->
            setUpJenkins()
            jenkins.run("pipeline { agent { kubernetes { yaml 'spec: {}'; retries ${retries} } }; stages { stage('One') { steps { echo 'one' } } } }")
            assert jenkins.build.result == 'SUCCESS' : jenkins.console
            assert jenkins.calls.findAll { it.step == 'retry' }*.given*.count == counts
            assert jenkins.calls.findAll { it.step == 'retry' }.every { it.given.conditions.size() == 2 }
            assert 'one' in jenkins.console.lines
        }
    }

    @Test
    void directives_for_jenkins_itself_are_known_and_what_the_plugin_adds_is_on_the_console() {
        jenkins.run('''pipeline {
            agent any
            triggers { cron('@daily') }
            parameters { string(name: 'P', defaultValue: 'x') }
            stages { stage('Not now') { when { expression { false } }; steps { echo 'ran' } } }
            post { always { echo 'post' } }
        }''')
        assert jenkins.build.result == 'SUCCESS' : jenkins.console
        assert jenkins.console.lines.containsAll(['Stage "Not now" skipped due to when conditional', '[Pipeline] { (Declarative: Post Actions)', 'post'])
        assert !('ran' in jenkins.console.lines)
    }

    @Test
    void an_agent_is_asked_for_by_its_label() {
        ["agent { label 'linux && big' }", "agent { node { label 'linux && big' } }"].each { String agent ->
            setUpJenkins()
            assert lines("pipeline { ${agent}; stages { stage('One') { steps { sh 'pwd' } } } }") ==
                [workspace.path, 'Finished: SUCCESS']
            assert jenkins.calls.findAll { it.step == 'node' }*.given == [[label: 'linux && big']]
        }
    }

    @Test
    void the_repository_is_checked_out_on_each_agent_unless_it_is_told_not_to() {
        jenkins.sources = new File(folder, 'repository')
        new File(jenkins.sources, 'in/it').mkdirs()
        new File(jenkins.sources, 'in/it/there').text = ''
        jenkins.run('pipeline { agent any; stages { stage("One") { steps { sh "ls in/it/there" } } } }')
        assert jenkins.build.result == 'SUCCESS' && '[Pipeline] { (Declarative: Checkout SCM)' in jenkins.console.lines
        assert jenkins.calls.findAll { it.step == 'checkout' }*.given == [[scm: 'scm']]
        setUpJenkins()
        jenkins.sources = new File(folder, 'repository')
        jenkins.run('pipeline { agent any; options { skipDefaultCheckout() }; stages { stage("One") { steps { deleteDir(); sh "! ls in" } } } }')
        assert jenkins.build.result == 'SUCCESS' && jenkins.calls.every { it.step != 'checkout' }
    }

    @Test
    void a_directive_that_is_not_known_fails() {
        assert failureOf('pipeline { agent any; nonsense { } stages { } }').message.contains('nonsense')
        assert failureOf('pipeline { agent any; environment { always { } }; stages { } }').message.contains('always')
    }

    @Test
    void what_is_a_directive_elsewhere_is_a_step_in_steps() {
        assert lines('''pipeline { agent any; stages { stage('One') { steps { script {
            parallel(a: { echo 'in a' })
            stage('Two') { echo 'in two' }
        } } } } }''') == ['in a', 'in two', 'Finished: SUCCESS']
    }

    @Test
    void a_condition_is_asked_on_the_agent_or_before() {
        ['expression { true }': ['node', 'stage', 'node', 'echo'], 'expression { false }': ['node', 'stage', 'node'],
         'beforeAgent true; expression { true }': ['node', 'stage', 'node', 'echo'],
         'beforeAgent true; expression { false }': ['node', 'stage']].each { String condition, List<String> steps ->
            setUpJenkins()
            jenkins.run("pipeline { agent any; stages { stage('One') { agent any; when { ${condition} }; steps { echo 'ran' } } } }")
            assert jenkins.calls*.step == ['pipeline', *steps] : condition
        }
    }

    @Test
    void a_stage_is_for_the_branch_that_it_names() {
        [main: ['ran', 'Finished: SUCCESS'], other: ['Stage "One" skipped due to when conditional', 'Finished: SUCCESS']].each { branch, told ->
            setUpJenkins()
            assert lines("pipeline { agent any; environment { BRANCH_NAME = '${branch}' }; stages { stage('One') { when { branch 'main' }; steps { echo 'ran' } } } }") == told
        }
    }

    @Test
    void a_pods_template_inherits_from_the_one_that_is_named() {
        assert failureOf('''pipeline {
            agent { kubernetes { yaml 'spec: {}'; inheritFrom 'team' } }
            stages { stage('One') { steps { echo 'one' } } }
        }''').message.contains("no pod template 'team' on the controller")
    }

    @Test
    void a_stages_pod_has_nothing_of_the_pipelines() {
        jenkins.run('''pipeline {
            agent { kubernetes { yaml 'spec: {containers: [{name: one, image: i}]}' } }
            stages { stage('One') { agent { kubernetes { yaml 'spec: {containers: [{name: two, image: i}]}' } }; steps { echo 'in it' } } }
        }''')
        assert 'in it' in jenkins.console.lines : jenkins.console
        assert jenkins.pods*.containers*.keySet()*.toList() == [['jnlp', 'one'], ['jnlp', 'two']]
    }

}
