package selftest

import harness.PrivateTmp
import org.junit.jupiter.api.Assumptions
import org.junit.jupiter.api.Test

/** Containers of a pod share the workspace volume, and not /tmp. */
class ContainerTest extends SelfTest {

    private static final String YAML = 'spec: {containers: [{name: one, image: "i:1"}, {name: two, image: "i:2"}]}'

    private List<String> inPods(String body) {
        jenkins.parameters.yaml = YAML
        lines("podTemplate(yaml: params.yaml, inheritFrom: '') { ${body} }")
    }

    @Test
    void a_temporary_file_of_one_container_is_in_no_other_and_in_no_other_pod() {
        assert inPods('''
            node(POD_LABEL) {
                container('one') { sh 'mktemp > "$WORKSPACE/name"; cat "$WORKSPACE/name" > "$(cat "$WORKSPACE/name")"' }
                container('one') { sh '[ -s "$(cat name)" ] && echo there' }
                container('two') { sh '[ -e "$(mktemp -d)/../$(basename "$(cat name)")" ] || echo gone' }
                sh '[ -e "$(mktemp -d)/../$(basename "$(cat name)")" ] || echo gone'
                node(POD_LABEL) { container('one') { sh 'ls -d "${TMPDIR:-/tmp}"/tmp* 2>/dev/null || echo empty' } }
            }
        ''') == ['there', 'gone', 'gone', 'empty', 'Finished: SUCCESS']
    }

    @Test
    void a_file_that_is_named_in_tmp_is_the_containers_own() {
        Assumptions.assumeTrue(PrivateTmp.literal, 'this machine lets no process have mounts of its own')
        File named = new File("/tmp/${folder.name}-named")
        assert inPods("""node(POD_LABEL) {
            container('one') { sh 'echo one > ${named}; pwd > here; cat ${named}' }
            container('two') { sh 'cat ${named} || echo none; cd ..; ls -d app; cat "\$WORKSPACE/here"' }
            sh 'cat ${named} || echo none; echo agent > ${named}'
            container('jnlp') { dir('sub') { sh 'cat ${named}' } }
        }""").findAll { !it.contains('No such file') } ==
            ['one', 'none', 'app', "${folder}/a b/pod-1/app".toString(), 'none', 'agent', 'Finished: SUCCESS']
        assert !named.exists()
    }

    @Test
    void what_the_agents_variables_name_below_tmp_stays() {
        Assumptions.assumeTrue(PrivateTmp.literal, 'this machine lets no process have mounts of its own')
        List<File> files = (1..4).collect { File.createTempFile('kept', null, new File('/tmp')) }
        File kept = new File("${files[0].path}.d")
        kept.mkdirs()
        jenkins.agent.environment += [A: '/opt:' + kept + '/bin:' + files[0], B: files[1].path, C: '/opt' + files[2], D: '/tmp/no such']
        List<String> lines = inPods("""node(POD_LABEL) { container('one') {
            sh 'touch ${kept}/there; for file in ${kept} ${files.join(' ')}; do [ ! -e \$file ] || echo \$file; done'
        } }""")
        assert lines == [kept.path, files[0].path, files[1].path, 'Finished: SUCCESS']
        assert new File(kept, 'there').exists()
        kept.deleteDir()
        files*.delete()
    }

    @Test
    void an_agent_in_a_container_is_in_none_of_its_own() {
        File named = File.createTempFile('machine', null, new File('/tmp'))
        assert inPods("""node(POD_LABEL) { container('one') {
            node('') { sh '[ "\$NODE_NAME" = agent-1 ] && ls ${named}; rm ${named}; echo "\${TMPDIR-none}"' }
        } }""") == [named.path, 'none', 'Finished: SUCCESS']
    }

    @Test
    void an_abort_ends_what_a_container_runs_with_what_that_has_started() {
        List<ProcessHandle> processes = []
        jenkins.console.watch { String line ->
            if (line == 'waiting') {
                processes = jenkins.main.process.with { it.descendants().toArray().toList() + it.toHandle() }
                jenkins.abort()
            }
        }
        inPods("node(POD_LABEL) { container('one') { sh '#!/bin/sh\\nsleep 600 & echo waiting; wait' } }")
        assert jenkins.build.result == 'ABORTED' : jenkins.console
        assert processes.size() == 2
        processes.each { it.onExit().get() }
        assert !new File(folder, 'a b/pod-1/app@tmp/tmp').exists()
    }

    @Test
    void an_agent_that_is_no_pod_has_the_tmp_of_its_machine() {
        File named = File.createTempFile('machine', null, new File('/tmp'))
        assert lines("node { sh 'ls ${named}; rm ${named}; echo \"\${TMPDIR-none}\"' }") == [named.path, 'none', 'Finished: SUCCESS']
        assert !named.exists()
    }

}
