package bqsteps

import com.cloudbees.groovy.cps.NonCPS

/** The pod's YAML with the caller's image and service account, which are checked so that they stay plain values. */
class Pod {

    /** An image reference as container registries define it: [host[:port]/]path[:tag][@digest]. */
    private static final String IMAGE = '(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?' +
        '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*' +
        '(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?'

    /** A name as Kubernetes has it for objects (RFC 1123 subdomain). */
    private static final String NAME = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*'

    @NonCPS
    static List problems(Map values) {
        List found = []
        if (values.image && !(values.image.length() <= 512 && values.image.matches(IMAGE))) {
            found.add("'image' is no image reference such as python:3.13-slim or host:5000/team/image@sha256:…")
        }
        if (values.serviceAccount && !(values.serviceAccount.length() <= 253 && values.serviceAccount.matches(NAME))) {
            found.add("'serviceAccount' is no Kubernetes name (lower case letters, digits, '-' and '.')")
        }
        return found
    }

    @NonCPS
    static String yaml(String template, Map values) {
        String yaml = template
        if (values.image) {
            yaml = yaml.replaceFirst('(?m)^( *image: ).*$', '$1"' + values.image + '"')
            yaml = yaml.replaceFirst('(?m)^( *- name: POD_CONTAINER_IMAGE\n *value: ).*$', '$1"' + values.image + '"')
        }
        if (values.serviceAccount) {
            yaml = yaml.replaceFirst('(?m)^( *serviceAccountName: ).*$', '$1"' + values.serviceAccount + '"')
        }
        return yaml
    }

}
