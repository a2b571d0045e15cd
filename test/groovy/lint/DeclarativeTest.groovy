package lint

import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test
import steps.StepTest

/** The repository's own Jenkinsfiles, and those in its documents, are what Jenkins takes. */
@Tag('lint')
class DeclarativeTest {

    private static List<String> problems(String pipeline) {
        Declarative.problems(pipeline)
    }

    private static String stage(String content) {
        "pipeline { agent any; stages { stage('x') { ${content} } } }"
    }

    @Test
    void the_repositorys_own_are_right() {
        ['Jenkinsfile', 'Jenkinsfile.example'].each { String name ->
            String text = new File(StepTest.PROJECT, name).getText('UTF-8')
            assert text =~ /(?m)^pipeline \{/
            assert problems(text) == [] : name
        }
    }

    @Test
    void those_in_the_documents_are_right() {
        List<File> documents = ([new File(StepTest.PROJECT, 'README.md')] + new File(StepTest.PROJECT, 'docs').listFiles().toList())
            .findAll { it.name.endsWith('.md') }
        List<List> examples = documents.collectMany { File document ->
            document.getText('UTF-8').findAll(/(?s)\n```groovy\n(.*?)\n```/) { all, code -> [document.name, code] }
        }
        assert examples.count { name, code -> code =~ /(?m)^pipeline \{/ } >= 2
        examples.each { name, code -> assert problems(code) == [] : "${name}: ${code}" }
    }

    @Test
    void a_right_pipeline_has_no_problem() {
        assert problems('''@Library('x') _
            pipeline {
                agent { kubernetes { yaml x.yaml() } }
                environment { A = 'b' }
                options { timeout(time: 1) }
                stages {
                    stage('a') { when { branch 'main' }; steps { sh 'x'; script { def y = 1 } } }
                    stage('b') { parallel { stage('c') { steps { echo 'x' } } } }
                    stage('d') { matrix { axes { axis { } }; stages { stage('e') { steps { echo 'x' } } } } }
                }
                post { always { echo 'x' }; failure { echo 'y' } }
            }''') == []
        assert problems('node { def x = 1 }') == []
    }

    @Test
    void what_is_no_groovy_is_named_with_its_line() {
        assert problems('pipeline {\n stages { \n')[0] =~ /^is no Groovy: .*@ line \d/
    }

    @Test
    void a_section_that_is_unknown_missing_or_double_is_named_with_its_line() {
        assert problems('pipeline {\n agent any\n stage("x") { steps { } }\n}') ==
            ["line 3: 'pipeline' has no 'stage'", "line 1: 'pipeline' has no 'stages'"]
        assert problems(stage('steps { sh "x" }').replace('agent any;', '')) == ["line 1: 'pipeline' has no 'agent'"]
        assert problems(stage('steps { sh "x" }').replace('agent any;', 'agent any; agent none;')) ==
            ["line 1: 'pipeline' has 'agent' 2 times"]
        assert problems(stage('sh "x"')) ==
            ["line 1: 'stage' has no 'sh'", "line 1: 'stage' has one of steps, stages, parallel, matrix"]
        assert problems(stage('steps { sh "x" }; parallel { stage("y") { steps { sh "x" } } }')) ==
            ["line 1: 'stage' has one of steps, stages, parallel, matrix"]
        assert problems(stage('steps { sh "x" }; post { allways { sh "x" } }')) == ["line 1: 'post' has no 'allways'"]
        assert problems(stage('options { time 1 }; steps { sh "x" }')) == ["line 1: 'options' has no 'time'"]
    }

    @Test
    void plain_groovy_outside_of_script_is_refused() {
        assert problems(stage('steps { def a = 1 }'))[0] =~ /is no step; plain Groovy belongs in 'script'$/
        assert problems(stage('steps { if (a) { sh "x" } }'))[0] =~ /is no step/
        assert problems(stage('steps { sh "x" }; post { always { a = 1 } }'))[0] =~ /is no step/
        assert problems('import a.b\npipeline { agent any; stages { stage("x") { steps { sh "x" } } } }\nx = 1')[0] =~ /stands alone/
    }

}
