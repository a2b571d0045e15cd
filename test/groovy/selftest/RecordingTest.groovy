package selftest

import harness.RecordedStep
import harness.Recording
import org.junit.jupiter.api.Test

/** The record of a build as people read it. */
class RecordingTest {

    @Test
    void a_step_is_a_line_with_its_arguments_by_nesting_and_a_text_is_shown_once() {
        RecordedStep build = new RecordedStep('build', [:])
        RecordedStep node = build.record('node', [:])
        RecordedStep env = node.record('withEnv', [overrides: ['A=1', 'B=/tmp/x/y']])
        env.record('sh', [script: '\n  a\n    b\n  ', returnStatus: true])
        env.record('sh', [script: '\n  a\n    b\n  ', label: null])
        node.record('writeFile', [file: 'bqsteps-0123456789ab.pyz', text: 'x' * 10_001])
        node.record('echo', [message: 'xxx 01234567-89ab-cdef-0123-456789abcdef'])
        build.record('parallel', [a: { }, given: [n: 1, list: ['a\nb\n']]]).record('branch', [name: "G${1}"])
        assert Recording.text(build, ['/tmp/x': '<folder>', G1: '<one>']) == '''\
            node
                withEnv overrides: [
                      'A=1',
                      'B=<folder>/y']
                    sh script: (text 1)
                          | a
                          |   b, returnStatus: true
                    sh script: (text 1), label: null
                writeFile file: 'bqsteps-<digest>.pyz', text: (long text)
                echo message: 'xxx <id>'
            parallel given: [n: 1, list: [
                  (text 2)
                    | a
                    | b]]
                branch name: '<one>'
            '''.stripIndent()
    }

}
