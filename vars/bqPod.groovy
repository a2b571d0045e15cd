import bqsteps.Parameters
import bqsteps.Pod

/** Runs its block in a pod with Python, in the pod's container `python`. */
Object call(Object given = [:], Closure body) {
    return podTemplate(yaml: yaml(given), inheritFrom: '') {
        node(POD_LABEL) {
            container('python') {
                body()
            }
        }
    }
}

/** That pod, for `agent { kubernetes { yaml bqPod.yaml() } }` and for a team's own podTemplate. */
String yaml(Object given = [:]) {
    Map checked = Parameters.check(given, [image: 'text', serviceAccount: 'text'])
    List problems = checked.problems + Pod.problems(checked.values)
    if (problems) {
        error("bqPod: ${problems.join('; ')}")
    }
    return Pod.yaml(libraryResource(resource: 'bqsteps/pod.yaml', encoding: 'UTF-8'), checked.values)
}
